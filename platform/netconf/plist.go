package netconf

import (
	"encoding/xml"
	"strings"
)

const maxNesting = 32

// plist reads an XML property list (Apple's PropertyList-1.0 DTD) into strings, []any and map[string]any; numbers, dates and truth values are
// strings. What makes no sense gives nil.
func plist(text string) any {
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = false
	for {
		t, err := d.RawToken()
		if err != nil {
			return nil
		}
		if s, ok := t.(xml.StartElement); ok && s.Name.Local != "plist" {
			return value(d, s.Name.Local, maxNesting)
		}
	}
}

// value reads what follows the start of an element, and its end.
func value(d *xml.Decoder, kind string, depth int) any {
	if depth == 0 {
		return nil
	}
	var text strings.Builder
	var list []any
	for {
		t, err := d.RawToken()
		if err != nil {
			return nil
		}
		switch t := t.(type) {
		case xml.CharData:
			text.Write(t)
		case xml.StartElement:
			v := value(d, t.Name.Local, depth-1)
			if t.Name.Local == "key" {
				v = key(v)
			}
			list = append(list, v)
		case xml.EndElement:
			switch kind {
			case "dict":
				return dict(list)
			case "array":
				return list
			case "true", "false":
				return kind
			}
			return text.String()
		}
	}
}

func key(v any) any {
	s, _ := v.(string)
	return propertyKey(s)
}

// propertyKey names the value that follows it.
type propertyKey string

func dict(list []any) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		if k, ok := list[i].(propertyKey); ok {
			m[string(k)] = list[i+1]
		}
	}
	return m
}

// at follows keys into dictionaries.
func at(v any, keys ...string) any {
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// systemConfiguration reads the proxy of the first network service that has one, in the order of the current set: what
// /Library/Preferences/SystemConfiguration/preferences.plist of macOS holds.
func systemConfiguration(xml string) (p Proxies) {
	root := plist(xml)
	set := strings.Split(strings.TrimPrefix(text(at(root, "CurrentSet")), "/"), "/")
	order, _ := at(at(root, set...), "Network", "Global", "IPv4", "ServiceOrder").([]any)
	for _, service := range order {
		s := at(root, "NetworkServices", text(service), "Proxies")
		host, port := text(at(s, "HTTPSProxy")), text(at(s, "HTTPSPort"))
		if text(at(s, "HTTPSEnable")) != "1" || host == "" {
			continue
		}
		if p.HTTPS = host; port != "" {
			p.HTTPS += ":" + port
		}
		exceptions, _ := at(s, "ExceptionsList").([]any)
		for _, e := range exceptions {
			p.Bypass = append(p.Bypass, text(e))
		}
		if text(at(s, "ExcludeSimpleHostnames")) == "1" {
			p.Bypass = append(p.Bypass, "<local>")
		}
		return p
	}
	return p
}
