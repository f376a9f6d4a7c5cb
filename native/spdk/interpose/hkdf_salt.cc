// Wraps (see wrapped.txt) the function by which SPDK, from v22.09 on, sets the salt when it derives keys of TLS. Before v25.09 SPDK
// passes a null pointer for "none". OpenSSL 3.0.19 rejects that, and with it every connection with TLS fails.

struct evp_pkey_ctx_st;  // OpenSSL's: older releases are built without its headers

// NOLINTBEGIN(bugprone-reserved-identifier): the linker gives these names.

extern "C" {

/** Weak: with a release that does not call it OpenSSL need not be linked. */
[[gnu::weak]] int __real_EVP_PKEY_CTX_set1_hkdf_salt(evp_pkey_ctx_st* context, const unsigned char* salt,
                                                     int size);

int __wrap_EVP_PKEY_CTX_set1_hkdf_salt(evp_pkey_ctx_st* context, const unsigned char* salt, int size) {
  // HMAC pads its key with zeroes, so one zero derives what no salt does (RFC 5869, section 2.2).
  static constexpr unsigned char kZero = 0;
  return size == 0 ? __real_EVP_PKEY_CTX_set1_hkdf_salt(context, &kZero, 1)
                   : __real_EVP_PKEY_CTX_set1_hkdf_salt(context, salt, size);
}

}  // extern "C"

// NOLINTEND(bugprone-reserved-identifier)
