package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

const (
	awsEndpoint = "s3.amazonaws.com"
	// partBytes is the size of the parts in which a large object is put: 10,000 of them are 80 GB. It is the memory of a Put.
	partBytes = 8 << 20
	// s3Tries is how often a request is made, over about five seconds: a commit that fails is made again by the writer.
	s3Tries = 6
	// answerTimeout is for the server to begin an answer, roleTimeout for the machine's role.
	answerTimeout, roleTimeout = 30 * time.Second, 2 * time.Second
)

// s3 is a bucket, or the part of it under a prefix, of a server that speaks S3.
type s3 struct {
	client    *minio.Client
	transport *http.Transport
	bucket    string
	prefix    string // with a slash at the end, or empty
}

func openS3(location string) (Bucket, error) {
	u, err := url.Parse(location)
	switch {
	case err != nil: // its text would show what may be a password
		return nil, errors.New("it is no URL")
	case u.User != nil:
		return nil, errors.New("keys do not belong there, where others see them: give them as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or in ~/.aws/credentials")
	case u.Host == "":
		return nil, errors.New("want s3://bucket/prefix")
	}
	endpoint, tls, err := s3Options(u.Query())
	if err != nil {
		return nil, err
	}
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: answerTimeout, IdleConnTimeout: time.Minute,
		MaxIdleConnsPerHost: readersAtOnce, DisableCompression: true, ForceAttemptHTTP2: true,
	}
	client, err := minio.New(endpoint, &minio.Options{Creds: credentials.New(&awsKeys{}), Secure: tls, Transport: t, Region: u.Query().Get("region"), MaxRetries: s3Tries})
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(path.Clean("/"+u.Path), "/")
	if prefix != "" {
		prefix += "/"
	}
	return &s3{client, t, u.Host, prefix}, nil
}

// s3Options reads the part of a location behind the question mark.
func s3Options(q url.Values) (endpoint string, tls bool, err error) {
	for key := range q {
		if !slices.Contains([]string{"endpoint", "region", "tls"}, key) {
			return "", false, fmt.Errorf("%q is none of endpoint, region and tls", key)
		}
	}
	endpoint = awsEndpoint
	if q.Has("endpoint") {
		endpoint = q.Get("endpoint")
	}
	switch q.Get("tls") {
	case "", "yes":
		return endpoint, true, nil
	case "no":
		return endpoint, false, nil
	}
	return "", false, fmt.Errorf("tls is yes or no, not %q", q.Get("tls"))
}

// awsKeys finds keys where AWS's own tools do, and asks for them when there are none.
type awsKeys struct{ chain *credentials.Chain }

var errNoKeys = errors.New("no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SHARED_CREDENTIALS_FILE and AWS_PROFILE, or give this machine a role")

func (k *awsKeys) RetrieveWithCredContext(c *credentials.CredContext) (credentials.Value, error) {
	k.chain = &credentials.Chain{Providers: []credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{Client: &http.Client{Timeout: roleTimeout}},
	}}
	v, err := k.chain.RetrieveWithCredContext(c)
	if err == nil && v.AccessKeyID == "" {
		err = errNoKeys
	}
	return v, err
}

func (k *awsKeys) Retrieve() (credentials.Value, error) { return k.RetrieveWithCredContext(nil) }

func (k *awsKeys) IsExpired() bool { return k.chain == nil || k.chain.IsExpired() }

// Put makes small objects, and all of known size, in one request, and others in parts. An object in parts replaces one of its name:
// commits and whatever else must be the only one are of known size.
func (s *s3) Put(ctx context.Context, name string, size int64, r io.Reader) error {
	if size < 0 {
		var head bytes.Buffer
		_, err := io.CopyN(&head, r, partBytes)
		if err == nil {
			_, err := s.client.PutObject(ctx, s.bucket, s.prefix+name, io.MultiReader(&head, r), -1, minio.PutObjectOptions{PartSize: partBytes})
			return s.explain(name, err)
		}
		if !errors.Is(err, io.EOF) {
			return err
		}
		size, r = int64(head.Len()), bytes.NewReader(head.Bytes())
	}
	o := minio.PutObjectOptions{DisableMultipart: true}
	o.SetMatchETagExcept("*")
	_, err := s.client.PutObject(ctx, s.bucket, s.prefix+name, r, size, o)
	return s.explain(name, err)
}

func (s *s3) List(ctx context.Context, prefix string) (names []string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return nil, s.explain(prefix, o.Err)
		}
		names = append(names, strings.TrimPrefix(o.Key, s.prefix))
	}
	slices.Sort(names)
	return names, ctx.Err()
}

func (s *s3) Remove(ctx context.Context, name string) error {
	err := s.explain(name, s.client.RemoveObject(ctx, s.bucket, s.prefix+name, minio.RemoveObjectOptions{}))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sweep ends uploads in parts that nobody will end: they are not seen, but paid.
func (s *s3) Sweep(ctx context.Context, before time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	core := minio.Core{Client: s.client}
	for u := range s.client.ListIncompleteUploads(ctx, s.bucket, s.prefix, true) {
		err := u.Err
		if err == nil && u.Initiated.Before(before) {
			err = core.AbortMultipartUpload(ctx, s.bucket, u.Key, u.UploadID)
		}
		if err = s.explain(u.Key, err); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return ctx.Err()
}

func (s *s3) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}
