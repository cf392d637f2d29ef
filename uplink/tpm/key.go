package tpm

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/asn1"
	"errors"
	"fmt"
	"io"
	"math/big"
)

// PEMType is the type of the PEM block that holds what Marshal returns.
const PEMType = "TSS2 PRIVATE KEY"

// loadable is the OID of a key that TPM2_Load takes.
var loadable = asn1.ObjectIdentifier{2, 23, 133, 10, 1, 3}

// keyFile is TPMKey of draft-bottomley-tpm2-keys section 3.1.
type keyFile struct {
	Type      asn1.ObjectIdentifier
	EmptyAuth bool `asn1:"optional,explicit,tag:0"`
	Parent    int64
	Public    []byte
	Private   []byte
}

// Key is a P-256 key that only its TPM can use. It is a crypto.Signer.
type Key struct {
	device          string
	parent          uint32
	public, private []byte // TPM2B_PUBLIC and TPM2B_PRIVATE
	point           *ecdsa.PublicKey
}

// Create makes a key in the TPM behind a device: "" for the system's own. Its error says what is in the way: there is no TPM (wrapping
// errors.ErrUnsupported or fs.ErrNotExist), its owner hierarchy has a password, it is locked out, it is disabled.
func Create(device string) (*Key, error) {
	t, err := open(device)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	c := commander{t}
	parent, handle, err := c.parent()
	if err != nil {
		return nil, err
	}
	defer c.release(parent, handle)
	private, public, err := c.create(handle)
	if err != nil {
		return nil, err
	}
	k := &Key{device: device, parent: parent, public: public, private: private}
	k.point, err = readPoint(public)
	return k, err
}

// Marshal returns the key as DER, wrapped by the TPM.
func (k *Key) Marshal() []byte {
	der, err := asn1.Marshal(keyFile{Type: loadable, EmptyAuth: true, Parent: int64(k.parent), Public: k.public, Private: k.private})
	if err != nil { // of these types it cannot be
		panic(err)
	}
	return der
}

// Parse reads what Marshal wrote. Whether the TPM of this machine can use the key shows at the first signature.
func Parse(der []byte, device string) (*Key, error) {
	var f keyFile
	rest, err := asn1.Unmarshal(der, &f)
	if err != nil {
		return nil, fmt.Errorf("TPM key: %w", err)
	}
	if len(rest) > 0 || !f.Type.Equal(loadable) || f.Parent != ownerHierarchy && f.Parent != storageRoot || len(f.Private) < 2 || len(f.Private) > maxBlob {
		return nil, errors.New("TPM key: not a loadable key under the owner's storage key")
	}
	k := &Key{device: device, parent: uint32(f.Parent), public: f.Public, private: f.Private}
	k.point, err = readPoint(f.Public)
	return k, err
}

// Public returns the *ecdsa.PublicKey.
func (k *Key) Public() crypto.PublicKey { return k.point }

// Sign signs a SHA-256 digest with ECDSA, in ASN.1.
func (k *Key) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts.HashFunc() != crypto.SHA256 || len(digest) != 32 {
		return nil, fmt.Errorf("TPM key signs SHA-256 digests only, not %v", opts.HashFunc())
	}
	t, err := open(k.device)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	c := commander{t}
	parent, err := c.reopen(k.parent)
	if err != nil {
		return nil, err
	}
	defer c.release(k.parent, parent)
	handle, err := c.load(parent, k.private, k.public)
	if err != nil {
		return nil, fmt.Errorf("the key is not of this machine's TPM, or that was cleared: enrol anew: %w", err)
	}
	defer c.flush(handle)
	r, s, err := c.sign(handle, digest)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(r), new(big.Int).SetBytes(s)})
}

// readPoint returns the public key in a TPM2B_PUBLIC, which must be of P-256 and on the curve.
func readPoint(public []byte) (*ecdsa.PublicKey, error) {
	whole := reader{b: public}
	r := reader{b: whole.sized()}
	kind, hash := r.u16(), r.u16()
	r.u32()
	r.sized() // policy
	symmetric, scheme, curve, kdf := r.u16(), r.u16(), r.u16(), r.u16()
	x, y := r.sized(), r.sized()
	if whole.bad || len(whole.b) > 0 || r.bad || len(r.b) > 0 || kind != algECC || hash != algSHA256 || symmetric != algNull || scheme != algNull || curve != curveP256 || kdf != algNull ||
		len(x) > 32 || len(y) > 32 {
		return nil, errors.New("TPM key: its public part is not of a P-256 signing key")
	}
	point := make([]byte, 65)
	point[0] = 4
	copy(point[33-len(x):], x)
	copy(point[65-len(y):], y)
	return ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
}
