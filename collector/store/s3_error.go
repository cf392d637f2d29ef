package store

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// s3Advice says what to do about an error of the server, by its code.
var s3Advice = map[string]string{
	"NoSuchBucket":                 "make the bucket, or correct the location of the store",
	"InvalidAccessKeyId":           "the key is not known there: look at AWS_ACCESS_KEY_ID, AWS_PROFILE and the endpoint",
	"XAdminUserNotFound":           "the key is not known there: look at AWS_ACCESS_KEY_ID, AWS_PROFILE and the endpoint", // versitygw's
	"SignatureDoesNotMatch":        "the secret key is another: look at AWS_SECRET_ACCESS_KEY",
	"AccessDenied":                 "allow this key s3:GetObject, PutObject, DeleteObject, AbortMultipartUpload, ListBucket and ListBucketMultipartUploads",
	"ExpiredToken":                 "the session has expired: get new keys",
	"RequestTimeTooSkewed":         "set this machine's clock, or the server's",
	"AuthorizationHeaderMalformed": "name the bucket's region in the location: ?region=...",
	"PermanentRedirect":            "name the bucket's region in the location: ?region=...",
	"NotImplemented":               "the server must know If-None-Match, as AWS, MinIO and versitygw do",
	"ConditionalRequestConflict":   "two put the same object at the same time: it is tried again",
	"QuotaExceeded":                "the bucket is full: keep less, or let it grow",
	"XMinioStorageFull":            "the server's disk is full",
}

// explain gives an error of the client a meaning, and who reads it something to do.
func (s *s3) explain(name string, err error) error {
	if err == nil {
		return nil
	}
	r, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case !ok:
		return fmt.Errorf("%s: %s: %w", s.client.EndpointURL().Host, name, err)
	case r.Code == minio.PreconditionFailed || r.StatusCode == http.StatusPreconditionFailed:
		return fmt.Errorf("s3://%s/%s%s: %w", s.bucket, s.prefix, name, fs.ErrExist)
	case r.Code == minio.NoSuchKey || r.Code == minio.NoSuchUpload:
		return fmt.Errorf("s3://%s/%s%s: %w", s.bucket, s.prefix, name, fs.ErrNotExist)
	}
	advice := s3Advice[r.Code]
	if advice == "" {
		advice = "see the server's documentation for " + r.Code
	}
	return fmt.Errorf("s3://%s/%s%s at %s: %w (%s)", s.bucket, s.prefix, name, s.client.EndpointURL().Host, err, advice)
}
