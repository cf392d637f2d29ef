package agent

import (
	"flag"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/argus/feed"
)

// feedFlags defines the flags by which Argus's own tools get this host's flows.
func (c *Config) feedFlags(set *flag.FlagSet) {
	several := func(to *[]string) func(string) error {
		return func(text string) error {
			for s := range strings.SplitSeq(text, ",") {
				if s = strings.TrimSpace(s); s != "" {
					*to = append(*to, s)
				}
			}
			return nil
		}
	}
	set.Func("feed", "serve live flows to Argus 5 tools at an `address`: 561 (this machine only), host:561, *:561 (all addresses) or a socket's path; off when left out", several(&c.Feed))
	set.Func("feed-v3", "the same at an `address` for tools of the Argus 3 line, such as Debian's ra", several(&c.FeedV3))
	set.Func("push", "push flows by UDP to a `URL`: argus-udp://host:port, with ?version=3 for tools of the Argus 3 line", several(&c.Push))
	set.Func("append", "append the flows to a `file` too, for Argus 5 tools; when it is moved away, a new one begins", several(&c.OutputFile))
	set.Func("append-v3", "the same for tools of the Argus 3 line, a `file`", several(&c.OutputFileV3))
}

// checkFeeds tells what is wrong with the addresses of feeds.
func (c *Config) checkFeeds() error {
	for _, list := range [][]string{c.Feed, c.FeedV3} {
		for _, text := range list {
			if _, _, err := feed.ParseListen(text); err != nil {
				return err
			}
		}
	}
	for _, text := range c.Push {
		if _, _, err := feed.ParsePush(text); err != nil {
			return err
		}
	}
	return nil
}

// wantsV3 tells whether anybody gets records of version 3.
func (c *Config) wantsV3() bool {
	for _, text := range c.Push {
		if _, v3, err := feed.ParsePush(text); err == nil && v3 {
			return true
		}
	}
	return len(c.FeedV3) > 0
}
