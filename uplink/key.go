package uplink

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/argus-endpoint/argus-endpoint/uplink/tpm"
	"github.com/argus-endpoint/argus-endpoint/uplink/wire"
)

// The stores of keys. A TPM's may be followed by ":" and its device.
const (
	storeFile = "file"
	storeTPM  = "tpm"
)

// CheckKeyStore tells what is wrong with the name of a key store: "file", "tpm" or "tpm:" and the TPM's device.
func CheckKeyStore(store string) error {
	name, device, named := strings.Cut(store, ":")
	if store == storeFile || name == storeTPM && (!named || device != "") {
		return nil
	}
	return fmt.Errorf("key store %q is not known: want file, tpm, or tpm:DEVICE", store)
}

// makeKey makes the monitor's key where the store says and remembers it.
func (id *identity) makeKey() error {
	block := pem.Block{Type: "PRIVATE KEY"}
	var key crypto.Signer
	if name, device, _ := strings.Cut(id.store, ":"); name == storeTPM {
		held, err := tpm.Create(device)
		if err != nil {
			return fmt.Errorf("make the monitor's key in the TPM: %w", err)
		}
		key, block.Type, block.Bytes = held, tpm.PEMType, held.Marshal()
	} else {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		if block.Bytes, err = x509.MarshalPKCS8PrivateKey(made); err != nil {
			return err
		}
		key = made
	}
	if err := id.write(keyFile, pem.EncodeToMemory(&block)); err != nil {
		return err
	}
	id.key = key
	return nil
}

// readKey reads what makeKey wrote, nil when it is no key. Where the key is, the file says: the store only says where a new one is made.
func readKey(text []byte, store string) crypto.Signer {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil
	}
	switch block.Type {
	case tpm.PEMType:
		_, device, _ := strings.Cut(store, ":")
		if k, err := tpm.Parse(block.Bytes, device); err == nil {
			return k
		}
	case "PRIVATE KEY":
		if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if k, ok := k.(*ecdsa.PrivateKey); ok {
				return k
			}
		}
	}
	return nil
}

// sameKey tells whether a certificate is for the key.
func sameKey(key crypto.Signer, cert *x509.Certificate) bool {
	public, ok := key.Public().(*ecdsa.PublicKey)
	return ok && public.Equal(cert.PublicKey)
}

// keyFingerprint is what an operator compares before approving a monitor, and where the key is; both are "" without one.
func (id *identity) keyFingerprint() (fingerprint, store string) {
	if id.key == nil {
		return "", ""
	}
	der, err := x509.MarshalPKIXPublicKey(id.key.Public())
	if err != nil {
		return "", ""
	}
	store = storeFile
	if _, held := id.key.(*tpm.Key); held {
		store = storeTPM
	}
	return wire.Fingerprint(der), store
}
