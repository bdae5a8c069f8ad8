/* rise.h: the public C interface of librise.
 *
 * Everything a program needs to hold a RISE session key: hashes, keys, 256-bit numbers, ABI, EIP-712, RLP,
 * byte spans of JSON, and an HTTP transport that is pulled, never calls back.
 *
 * Rules that hold for every function
 *   - Order of arguments: the object, outputs, inputs, and last an optional `rise_error *` (NULL is fine).
 *     A length follows its buffer. A size in the signature (`uint8_t sig[64]`) is exact.
 *   - What can fail returns `rise_status`; RISE_OK is 0. Outputs are unspecified after a failure, except
 *     that object pointers are NULL then.
 *   - `rise_x_new` / `rise_x_free` pair up; free(NULL) is harmless. Nothing else owns memory but `rise_buf`.
 *   - No global state, no stdio, no abort, no errno. Objects may move between threads but not be used by
 *     two at a time.
 *   - Bytes are big-endian wherever Ethereum has them so. Text is UTF-8 with an explicit length; it need
 *     not end in NUL, and what is returned as `const char *` does.
 *   - Secrets are wiped on every way out, also on errors.
 */
#ifndef RISE_H
#define RISE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RISE_VERSION "0.1.0"

/* ---- status ---------------------------------------------------------------------------------------- */

/* One list for C and Lua: constant, the word programs test (`err.code` in Lua), and a sentence. */
#define RISE_STATUS_LIST(X)                                                                          \
    X(RISE_OK, "ok", "no error")                                                                     \
    X(RISE_EVALUE, "invalid_value", "a value does not fit its type or notation")                     \
    X(RISE_EDATA, "invalid_data", "encoded data is malformed")                                       \
    X(RISE_EABI, "invalid_abi", "an ABI text is malformed")                                          \
    X(RISE_EKEY, "invalid_key", "not a valid key")                                                   \
    X(RISE_ESIGNATURE, "invalid_signature", "the signature does not verify")                         \
    X(RISE_EOVERFLOW, "overflow", "the result does not fit 256 bits")                                \
    X(RISE_ELIMIT, "limit", "a bound on size, depth or count was exceeded")                          \
    X(RISE_ENOMEM, "no_memory", "out of memory")                                                     \
    X(RISE_EENTROPY, "no_entropy", "no secure randomness is available")                              \
    X(RISE_EUSAGE, "usage", "the call itself is wrong")                                              \
    X(RISE_ENETWORK, "network", "no answer could be had")                                            \
    X(RISE_ETIMEOUT, "timeout", "the deadline passed")                                               \
    X(RISE_EIO, "io", "the system refused a file, socket or process operation")                      \
    X(RISE_EPASSPHRASE, "wrong_passphrase", "the passphrase is wrong")                               \
    X(RISE_EUNSUPPORTED, "unsupported", "not offered here")                                          \
    X(RISE_ECANCELED, "canceled", "the task was canceled")

typedef enum rise_status {
#define RISE_STATUS_ENUM(id, word, text) id,
    RISE_STATUS_LIST(RISE_STATUS_ENUM)
#undef RISE_STATUS_ENUM
    RISE_STATUS_COUNT
} rise_status;

/* The word and the sentence of a status; never NULL. */
const char *rise_status_name(rise_status status);
const char *rise_status_text(rise_status status);

/* Filled, where the caller passes one, with the circumstance of a failure: "at byte 7: ..." */
typedef struct rise_error {
    rise_status code;
    char message[256];
} rise_error;

/* ---- bytes ----------------------------------------------------------------------------------------- */

/* Overwrites memory in a way the compiler may not remove. */
void rise_wipe(void *memory, size_t len);

/* 1 if equal, 0 if not, in time that depends on `len` alone. */
int rise_equal(const void *a, const void *b, size_t len);

/* Writes 2 * len lower-case digits, no prefix, no NUL. `text` must hold them. */
void rise_hex_encode(char *text, const uint8_t *bytes, size_t len);

/* Reads hex with or without a `0x` prefix, any case, in time that does not depend on the digits. *len receives the
 * count of bytes.
 * RISE_EVALUE: an odd number of digits, or something that is no digit. RISE_ELIMIT: more than `size` bytes. */
rise_status rise_hex_decode(uint8_t *bytes, size_t size, size_t *len, const char *text, size_t text_len);

/* A buffer that grows. Start from RISE_BUF_INIT or zeros; free when done. `limit` bounds the length
 * (0: RISE_BUF_LIMIT). Contents are wiped before memory is given back. */
typedef struct rise_buf {
    uint8_t *data;
    size_t len;
    size_t size;
    size_t limit;
} rise_buf;
#define RISE_BUF_INIT { NULL, 0, 0, 0 }
#define RISE_BUF_LIMIT ((size_t)1 << 28)

/* RISE_ENOMEM or RISE_ELIMIT; the buffer is as before then. */
rise_status rise_buf_append(rise_buf *buf, const void *data, size_t len);
/* Makes room for `len` more bytes and points *space at it; the caller writes and `len` is then counted. */
rise_status rise_buf_extend(rise_buf *buf, uint8_t **space, size_t len);
void rise_buf_free(rise_buf *buf);

/* ---- entropy and clocks ---------------------------------------------------------------------------- */

/* A source of secure random bytes; returns 0 when it filled all of `out`. NULL means the system's. */
typedef struct rise_entropy {
    int (*fill)(void *context, uint8_t *out, size_t len);
    void *context;
} rise_entropy;

/* RISE_EENTROPY when the source fails. */
rise_status rise_random(uint8_t *out, size_t len, const rise_entropy *entropy);

/* Milliseconds since 1970 (UTC), and of a clock that never goes back. */
int64_t rise_clock_wall(void);
int64_t rise_clock_steady(void);

/* ---- 256-bit numbers ------------------------------------------------------------------------------- */

/* Unsigned; limb[0] is the least significant. */
typedef struct rise_u256 {
    uint64_t limb[4];
} rise_u256;

void rise_u256_from_u64(rise_u256 *out, uint64_t value);
void rise_u256_from_bytes(rise_u256 *out, const uint8_t bytes[32]);
void rise_u256_to_bytes(uint8_t bytes[32], const rise_u256 *a);
/* 1 and *value if it fits 64 bits, else 0. */
int rise_u256_to_u64(uint64_t *value, const rise_u256 *a);

/* Decimal digits, or hex digits after `0x`; nothing else, at least one digit.
 * RISE_EVALUE: not such a text. RISE_EOVERFLOW: 2^256 or more. */
rise_status rise_u256_from_text(rise_u256 *out, const char *text, size_t len);
/* NUL-terminated decimal (at most 78 digits) and minimal `0x` hex (`0x0` for zero); return the length. */
size_t rise_u256_to_dec(char text[79], const rise_u256 *a);
size_t rise_u256_to_hex(char text[67], const rise_u256 *a);

int rise_u256_is_zero(const rise_u256 *a);
int rise_u256_compare(const rise_u256 *a, const rise_u256 *b); /* -1, 0, 1 */
unsigned rise_u256_bits(const rise_u256 *a);                   /* position of the highest set bit, 0..256 */

/* RISE_EOVERFLOW where the exact result is below 0 or above 2^256 - 1; `out` may alias an input. */
rise_status rise_u256_add(rise_u256 *out, const rise_u256 *a, const rise_u256 *b);
rise_status rise_u256_sub(rise_u256 *out, const rise_u256 *a, const rise_u256 *b);
rise_status rise_u256_mul(rise_u256 *out, const rise_u256 *a, const rise_u256 *b);
/* Quotient and remainder (either may be NULL). RISE_EVALUE when b is 0. */
rise_status rise_u256_divmod(rise_u256 *quotient, rise_u256 *remainder, const rise_u256 *a, const rise_u256 *b);
/* Bits shifted out are lost; 256 or more gives 0. */
void rise_u256_shl(rise_u256 *out, const rise_u256 *a, unsigned bits);
void rise_u256_shr(rise_u256 *out, const rise_u256 *a, unsigned bits);

/* Decimal text with a point to an integer of 10^-decimals units and back: "1.5" with 18 decimals is
 * 1500000000000000000. `decimals` 0..77. The sign comes apart from the magnitude. Digits beyond the precision
 * are rounded half away from zero, as viem's parseUnits does. Accepts ".5", "1.", leading zeros, one "-".
 * RISE_EVALUE: any other text, an exponent among them. RISE_EOVERFLOW: too large. */
rise_status rise_units_parse(rise_u256 *out, int *negative, const char *text, size_t len, unsigned decimals);
/* No trailing zeros in the fraction, no "-0". Returns the length; the text ends in NUL. Empty for more than 77
 * decimals. */
size_t rise_units_format(char text[160], const rise_u256 *a, int negative, unsigned decimals);

/* ---- hashes ---------------------------------------------------------------------------------------- */

/* Keccak-256 with Ethereum's padding (0x01), not SHA3-256. */
typedef struct rise_keccak {
    uint64_t state[25];
    unsigned used; /* bytes absorbed into the current block of 136 */
} rise_keccak;

void rise_keccak_init(rise_keccak *h);
void rise_keccak_update(rise_keccak *h, const void *data, size_t len);
/* Writes the hash and wipes the state; init again before reuse. */
void rise_keccak_final(rise_keccak *h, uint8_t hash[32]);
void rise_keccak256(uint8_t hash[32], const void *data, size_t len);

void rise_sha256(uint8_t hash[32], const void *data, size_t len);

/* ---- P-256 (secp256r1) ----------------------------------------------------------------------------- */

/* The public key as x || y, without the 04 of SEC 1. RISE_EKEY: secret is 0 or not below the group order. */
rise_status rise_p256_public(uint8_t public_key[64], const uint8_t secret[32]);

/* Signs a 32-byte digest as it is: RFC 6979 nonce with SHA-256, s in the lower half (the only one the account
 * contract takes), r || s. RISE_EKEY as above. */
rise_status rise_p256_sign(uint8_t sig[64], const uint8_t secret[32], const uint8_t digest[32]);

/* RISE_EKEY: not a point of the curve. RISE_ESIGNATURE: wrong, r or s out of range, or s in the upper half. */
rise_status rise_p256_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t sig[64]);

/* Replaces s by n - s where it is in the upper half, for signatures made elsewhere. */
void rise_p256_low_s(uint8_t sig[64]);

/* ---- WebAuthn (passkeys) ---------------------------------------------------------------------------- */

#define RISE_WEBAUTHN_PRESENT 1u  /* somebody touched the authenticator: required always */
#define RISE_WEBAUTHN_VERIFIED 4u /* it made sure who, by a PIN or a fingerprint */

/* Verifies what a passkey signed for a 32-byte digest, by the account contract's rule and no other: `assertion` is the
 * ABI encoding of one tuple (bytes authenticatorData, string clientDataJSON, uint256 challengeIndex, uint256 typeIndex,
 * bytes32 r, bytes32 s). `flags` are those that authenticatorData must have beside RISE_WEBAUTHN_PRESENT; the contract
 * asks for no other. Origin, relying party and counter are not looked at, what follows the last part neither.
 * RISE_EDATA: no such tuple. RISE_ESIGNATURE: type, challenge, flags, or r and s, which `error` tells; s in the upper
 * half is refused. RISE_EKEY: not a point of the curve. */
rise_status rise_webauthn_verify(const uint8_t public_key[64], const uint8_t digest[32], const uint8_t *assertion,
                                 size_t len, unsigned flags, rise_error *error);

/* ---- secp256k1 ------------------------------------------------------------------------------------- */

/* The signer's public key (04 || x || y) and address out of a recoverable signature r || s || v over `digest`,
 * v being 0, 1, 27 or 28; either output may be NULL. RISE_ESIGNATURE: nothing can be recovered.
 * A high s is accepted, as ecrecover accepts it. */
rise_status rise_secp256k1_recover(uint8_t public_key[65], uint8_t address[20], const uint8_t digest[32],
                                   const uint8_t sig[65]);

/* ---- keys ------------------------------------------------------------------------------------------ */

/* The account contract's key types; the numbers are its `keyType`. */
typedef enum rise_key_type {
    RISE_KEY_P256 = 0,
    RISE_KEY_WEBAUTHN_P256 = 1,
    RISE_KEY_SECP256K1 = 2
} rise_key_type;

/* A private key of type P256 or SECP256K1. The secret leaves it through rise_key_export alone. */
typedef struct rise_key rise_key;

/* RISE_EENTROPY, RISE_ENOMEM, RISE_EUSAGE for a type that has no private half here. */
rise_status rise_key_generate(rise_key **out, rise_key_type type, const rise_entropy *entropy);
/* RISE_EKEY: 0 or not below the group order. The caller wipes its own copy. */
rise_status rise_key_import(rise_key **out, rise_key_type type, const uint8_t secret[32]);
void rise_key_export(const rise_key *key, uint8_t secret[32]);
/* Wipes, then frees. */
void rise_key_free(rise_key *key);

rise_key_type rise_key_get_type(const rise_key *key);
/* The bytes the account contract stores as `publicKey`: p256 x || y (64); secp256k1 the address padded to 32.
 * Returns the length. */
size_t rise_key_public(const rise_key *key, uint8_t public_key[64]);
/* secp256k1: 04 || x || y and address. RISE_EUSAGE for another type. Either may be NULL. */
rise_status rise_key_address(const rise_key *key, uint8_t point[65], uint8_t address[20]);
/* p256: r || s, 64 bytes. secp256k1: r || s || v with v 27 or 28, 65 bytes, low s. Returns the length. */
size_t rise_key_sign(const rise_key *key, uint8_t sig[65], const uint8_t digest[32]);

/* keccak256(abi.encode(uint8 type, keccak256(public_key))): how an account names its keys. */
void rise_key_hash(uint8_t hash[32], rise_key_type type, const uint8_t *public_key, size_t len);

/* ---- addresses ------------------------------------------------------------------------------------- */

/* `0x` and 40 digits. All lower or all upper case passes; mixed case must be the EIP-55 checksum. RISE_EVALUE. */
rise_status rise_address_parse(uint8_t address[20], const char *text, size_t len);
/* EIP-55, NUL-terminated, 42 characters. */
void rise_address_format(char text[43], const uint8_t address[20]);
/* Where CREATE and CREATE2 (EIP-1014) put a contract. */
void rise_address_create(uint8_t address[20], const uint8_t sender[20], uint64_t nonce);
void rise_address_create2(uint8_t address[20], const uint8_t sender[20], const uint8_t salt[32],
                          const uint8_t init_code_hash[32]);

/* ---- ABI ------------------------------------------------------------------------------------------- */

/* A type is a run of nodes in pre-order: the node of an array is followed by its element's nodes, that of a
 * tuple by its components'. `span` counts the nodes of the whole subtree, so `t + t->span` is the next sibling.
 * A parameter list is a tuple. */
typedef enum rise_abi_kind {
    RISE_ABI_UINT,        /* size: bits */
    RISE_ABI_INT,         /* size: bits */
    RISE_ABI_BOOL,
    RISE_ABI_ADDRESS,
    RISE_ABI_FUNCTION,    /* 24 bytes: address || selector */
    RISE_ABI_FIXED_BYTES, /* size: bytes, 1..32 */
    RISE_ABI_BYTES,
    RISE_ABI_STRING,
    RISE_ABI_ARRAY,       /* T[] */
    RISE_ABI_FIXED_ARRAY, /* T[count]; size: bytes of the heads of its elements together */
    RISE_ABI_TUPLE        /* count: components; size: bytes of their heads together */
} rise_abi_kind;

typedef struct rise_abi_type {
    rise_abi_kind kind;
    uint32_t size;
    uint32_t count;
    uint32_t span;
    uint32_t head;      /* bytes this type takes in the head of what contains it: 32 when dynamic */
    uint8_t dynamic;
    uint8_t indexed;    /* event parameters */
    const char *name;   /* of the parameter or component; "" when it has none */
} rise_abi_type;

/* Appends the canonical text of a type, as signatures have it: "(address,uint256)[2]". No NUL. */
rise_status rise_abi_type_name(rise_buf *out, const rise_abi_type *type);

typedef enum rise_abi_item_kind {
    RISE_ABI_ITEM_FUNCTION,
    RISE_ABI_ITEM_EVENT,
    RISE_ABI_ITEM_ERROR,
    RISE_ABI_ITEM_CONSTRUCTOR,
    RISE_ABI_ITEM_FALLBACK,
    RISE_ABI_ITEM_RECEIVE,
    RISE_ABI_ITEM_PARAMETERS /* a bare parameter list: "(address to, uint256 value)" */
} rise_abi_item_kind;

/* An ABI item compiled from its human-readable line; immutable, made once and reused. */
typedef struct rise_abi_item rise_abi_item;

/* Bounds on what is parsed, encoded and decoded; more is RISE_ELIMIT. */
#define RISE_ABI_MAX_TEXT 65536u
#define RISE_ABI_MAX_DEPTH 32u
#define RISE_ABI_MAX_TYPES 4096u
#define RISE_ABI_MAX_VALUES 2097152u

/* Compiles "function mint(address to, uint256 value) returns (bool)", "event ...", "error ...",
 * "constructor(...)", "fallback()", "receive()", a bare signature "mint(address,uint256)" (taken as a function)
 * or a bare parameter list "(address,uint256)". `uint` and `int` mean 256 bits; visibility and data location
 * words are dropped, `returns ()` is the same as none. `structs` holds zero or more "struct Name { type name; ... }"
 * that the line may use. RISE_EABI with the position (bytes counted from 0) and the reason in `error`. */
rise_status rise_abi_item_new(rise_abi_item **out, const char *text, size_t len, const char *structs,
                              size_t structs_len, rise_error *error);
void rise_abi_item_free(rise_abi_item *item);

rise_abi_item_kind rise_abi_item_get_kind(const rise_abi_item *item);
const char *rise_abi_item_name(const rise_abi_item *item);       /* "" where it has none */
const char *rise_abi_item_signature(const rise_abi_item *item);  /* canonical: "mint(address,uint256)" */
const char *rise_abi_item_mutability(const rise_abi_item *item); /* "nonpayable", "payable", "view", "pure" */
int rise_abi_item_anonymous(const rise_abi_item *item);
/* keccak256 of the signature: an event's topic 0; its first four bytes are a function's or error's selector. */
void rise_abi_item_hash(const rise_abi_item *item, uint8_t hash[32]);
const rise_abi_type *rise_abi_item_inputs(const rise_abi_item *item);
const rise_abi_type *rise_abi_item_outputs(const rise_abi_item *item); /* an empty tuple where it has none */
/* What the data of a log holds: the parameters of an event that are not indexed, as a tuple. Each of the others is
 * in a topic of its own: the value itself where it takes one word, else its hash. Any other item: its inputs. */
const rise_abi_type *rise_abi_item_data(const rise_abi_item *item);

/* Values run along the type in pre-order too, one entry for each node that is met: a tuple or fixed array has
 * an entry of its own (ignored) before its parts, a T[] says in `len` how many elements follow.
 *   numbers, bool, address: `word`, right-aligned; negative intN in two's complement over all 32 bytes
 *   bytesN, function:       `word`, left-aligned
 *   bytes, string:          `data` and `len`
 * Data is pointed at, not copied: decoded values live as long as what they were decoded from. */
typedef struct rise_abi_value {
    uint8_t word[32];
    const uint8_t *data;
    size_t len;
} rise_abi_value;

/* Values of one list: what is about to be encoded, or was decoded. Zero it before first use, free when done; it may be
 * reused (for decoding as it is, for building by setting `count` to 0) without freeing. */
typedef struct rise_abi_values {
    rise_abi_value *entry;
    size_t count;
    size_t size;
} rise_abi_values;
void rise_abi_values_free(rise_abi_values *values);
/* Appends an entry of zeros; *entry points at it until the next one is added. RISE_ENOMEM or RISE_ELIMIT. */
rise_status rise_abi_values_add(rise_abi_values *values, rise_abi_value **entry);

/* How messages call entry `index` of the values of `type`: "calls[2].value", elements and parameters without a name
 * being counted from 1. Cut to what fits. Only entries before `index` are looked at. */
void rise_abi_path(char text[128], const rise_abi_type *type, const rise_abi_value *values, size_t index);

/* A number from text ("255", "-1", "0xff") as the word for a UINT or INT type. RISE_EVALUE when it is no number
 * or does not fit the type. */
rise_status rise_abi_number(uint8_t word[32], const rise_abi_type *type, const char *text, size_t len);

/* Appends the standard encoding of `type` (a tuple: the argument list). RISE_EVALUE: a value does not fit its
 * type, or `count` is not the number of entries the type takes; `error` names the parameter (rise_abi_path). */
rise_status rise_abi_encode(rise_buf *out, const rise_abi_type *type, const rise_abi_value *values, size_t count,
                            rise_error *error);
/* abi.encodePacked: nothing padded but the elements of arrays; tuples and nested arrays are refused (RISE_EABI). */
rise_status rise_abi_encode_packed(rise_buf *out, const rise_abi_type *type, const rise_abi_value *values,
                                   size_t count, rise_error *error);

/* Strict: offsets and lengths must lie inside `data`; numbers, booleans and addresses must not be wider than
 * their type (as Solidity refuses them); padding behind bytes and data behind the last tail are allowed.
 * What overlapping offsets could blow up is bounded by the size of `data`: bytes and strings together, and the words
 * of tuples and arrays together, may each take as much as `data` has, else RISE_ELIMIT.
 * RISE_EDATA or RISE_ELIMIT with the parameter and the byte position (counted from 0) in `error`. */
rise_status rise_abi_decode(rise_abi_values *values, const rise_abi_type *type, const uint8_t *data, size_t len,
                            rise_error *error);

/* ---- EIP-712 --------------------------------------------------------------------------------------- */

/* A struct type compiled from its encodeType text: "Mail(Person from,string contents)Person(string name)".
 * The first struct is the primary type; the others must be the ones it refers to. */
typedef struct rise_eip712 rise_eip712;

/* RISE_EABI: malformed text, an unknown or recursive type. */
rise_status rise_eip712_new(rise_eip712 **out, const char *encode_type, size_t len, rise_error *error);
void rise_eip712_free(rise_eip712 *type);
const rise_abi_type *rise_eip712_get_type(const rise_eip712 *type); /* the tuple that values run along */
void rise_eip712_type_hash(const rise_eip712 *type, uint8_t hash[32]);
/* hashStruct of the values (laid out as for rise_abi_encode). Arrays and nested structs as EIP-712 says. */
rise_status rise_eip712_hash(const rise_eip712 *type, uint8_t hash[32], const rise_abi_value *values, size_t count,
                             rise_error *error);
/* keccak256(0x19 0x01 || domain_separator || struct_hash): what is signed. */
void rise_eip712_digest(uint8_t digest[32], const uint8_t domain_separator[32], const uint8_t struct_hash[32]);

/* A longer text is RISE_ELIMIT. */
#define RISE_EIP712_MAX_JSON ((size_t)1 << 20)

/* The same of typed data in JSON, as eth_signTypedData_v4 has it: an object of `types`, `primaryType`, `domain` and
 * `message`. `domain_separator` and `struct_hash` may be NULL. Without a type EIP712Domain the domain is made of those
 * of name, version, chainId, verifyingContract and salt that are there. Types that nothing refers to may stand among
 * the types; else nothing may be there that is not signed, nothing may be missing, and nothing is converted:
 *   numbers        integers without exponent, decimal text or `0x` text
 *   bool           true, false
 *   address        `0x` text, the checksum when the case is mixed
 *   bytes, bytesN  `0x` text, of N bytes
 *   string         text that is UTF-8
 * RISE_EDATA: malformed JSON, with the position. RISE_EABI: unknown, recursive or malformed types. RISE_EVALUE: values,
 * with the path ("message.to[2].wallet", elements being counted from 1). RISE_ELIMIT: this or the ABI's bounds. */
rise_status rise_eip712_json(uint8_t digest[32], uint8_t domain_separator[32], uint8_t struct_hash[32],
                             const char *json, size_t len, rise_error *error);

/* keccak256(0x19 "Ethereum Signed Message:\n" || length in decimal || message): what personal_sign signs (EIP-191). */
void rise_personal_digest(uint8_t digest[32], const void *message, size_t len);

/* ---- RLP and transactions -------------------------------------------------------------------------- */

/* Appends one byte string; a number goes as its minimal big-endian bytes (rise_rlp_number). */
rise_status rise_rlp_bytes(rise_buf *out, const uint8_t *data, size_t len);
rise_status rise_rlp_number(rise_buf *out, const rise_u256 *number);
/* Appends the list that encloses everything written to `out` since its length was `start`. */
rise_status rise_rlp_list(rise_buf *out, size_t start);

typedef struct rise_rlp_item {
    int is_list;
    const uint8_t *data; /* the payload, inside the input */
    size_t len;
} rise_rlp_item;

/* Reads the item at the front of *data and moves *data and *len behind it. Canonical forms only (minimal
 * lengths, single bytes below 0x80 unprefixed). RISE_EDATA: truncated, empty or not canonical. */
rise_status rise_rlp_next(rise_rlp_item *item, const uint8_t **data, size_t *len);

/* The digest an account signs to delegate its code: keccak256(0x05 || rlp([chain_id, address, nonce])), EIP-7702.
 * chain_id 0 is valid on every chain. */
void rise_authorization_digest(uint8_t digest[32], const rise_u256 *chain_id, const uint8_t address[20],
                               uint64_t nonce);

typedef struct rise_authorization {
    rise_u256 chain_id;
    uint8_t address[20];        /* whose code the account takes on; zeros take it off again */
    uint64_t nonce;             /* of the account, counted on when it also sends the transaction */
    uint8_t sig[65];            /* r || s || v, v being 0, 1, 27 or 28 */
} rise_authorization;

/* Fills `sig`. RISE_EUSAGE: not a secp256k1 key. */
rise_status rise_authorization_sign(rise_authorization *authorization, const rise_key *key);

/* The types of transactions; the numbers are those in front of the encoding (EIP-2718). */
typedef enum rise_tx_type {
    RISE_TX_LEGACY = 0,         /* with the chain id of EIP-155 */
    RISE_TX_EIP1559 = 2,
    RISE_TX_EIP7702 = 4
} rise_tx_type;

/* Storage that a transaction says it will touch (EIP-2930). */
typedef struct rise_tx_access {
    uint8_t address[20];
    const uint8_t *keys;        /* 32 bytes each */
    size_t key_count;
} rise_tx_access;

/* A transaction; what it points at stays the caller's. Zeros are a legacy transaction that lacks its chain id. */
typedef struct rise_tx {
    rise_tx_type type;
    rise_u256 chain_id;
    uint64_t nonce;
    uint64_t gas;
    rise_u256 gas_price;        /* legacy alone; the others have two fees in its place */
    rise_u256 max_fee;          /* a unit of gas: all of it, and of that what is on top of the block's base fee */
    rise_u256 max_priority_fee;
    const uint8_t *to;          /* 20 bytes; NULL creates a contract */
    rise_u256 value;
    const uint8_t *data;
    size_t data_len;
    const rise_tx_access *access; /* not legacy */
    size_t access_count;
    const rise_authorization *authorizations; /* EIP-7702 alone, at least one; signed */
    size_t authorization_count;
} rise_tx;

/* Data and lists together; more is RISE_ELIMIT. Nodes pass on less: 128 KiB is usual. */
#define RISE_TX_MAX_SIZE ((size_t)1 << 20)

/* Appends the encoding: what is signed where `sig` is NULL, else the transaction as a node takes it, `sig` being as in
 * an authorization. The hash of a signed transaction is keccak256 of its encoding. Only what a chain could take is
 * encoded; the buffer is as before otherwise.
 * RISE_EVALUE: fields that do not go together, chain id 0, a nonce of 2^64 - 1. RISE_ESIGNATURE: of the transaction or
 * of an authorization; out of range, or s in the upper half. RISE_EOVERFLOW: a chain id that leaves no room for v. */
rise_status rise_tx_encode(rise_buf *out, const rise_tx *tx, const uint8_t sig[65], rise_error *error);
/* keccak256 of what is signed. */
rise_status rise_tx_sighash(uint8_t digest[32], const rise_tx *tx, rise_error *error);
/* Appends the signed transaction; `hash` (NULL: not wanted) is that of the transaction. RISE_EUSAGE: not a secp256k1
 * key. */
rise_status rise_tx_sign(rise_buf *out, uint8_t hash[32], const rise_tx *tx, const rise_key *key, rise_error *error);

/* ---- JSON ------------------------------------------------------------------------------------------ */

#define RISE_JSON_MAX_DEPTH 64u

/* Where the value at `path` (member names from the outside in, `depth` of them) lies in a JSON text: its first
 * byte and its length, white space excluded. No tree is built. The part of the text that is walked is checked
 * for well-formedness. Member names are compared as written, without resolving escapes; the first of two equal
 * members wins. RISE_EDATA: malformed or deeper than RISE_JSON_MAX_DEPTH. RISE_EVALUE: no such member. After either
 * *start tells where the scan stopped. Bytes from 0x80 on pass in strings without a look at their UTF-8. */
rise_status rise_json_span(size_t *start, size_t *span_len, const char *text, size_t len, const char *const *path,
                           size_t depth);

/* ---- passphrases (librise with libsodium only) -------------------------------------------------------- */

/* A passphrase in memory that is locked, fenced by guard pages, and wiped when it is freed. */
typedef struct rise_passphrase rise_passphrase;
#define RISE_PASSPHRASE_MAX 1024u

/* A copy; the caller wipes its own. RISE_ELIMIT: longer than RISE_PASSPHRASE_MAX. RISE_ENOMEM. */
rise_status rise_passphrase_new(rise_passphrase **out, const void *text, size_t len);
/* The first line of a file, or of what a descriptor has to read; it stays open. The end of the line, also with a CR, is
 * no part of it. RISE_EIO, RISE_ELIMIT. */
rise_status rise_passphrase_file(rise_passphrase **out, const char *path, rise_error *error);
rise_status rise_passphrase_fd(rise_passphrase **out, int fd, rise_error *error);
/* Asks at the terminal of the process, which shows nothing of what is typed. It shows again on every way out: signals
 * that would end or stop the process are held back in this thread until it does, and then take their course.
 * RISE_EIO: there is no terminal. RISE_ECANCELED: end of input, or a signal that the program survived. */
rise_status rise_passphrase_prompt(rise_passphrase **out, const char *prompt, rise_error *error);
void rise_passphrase_free(rise_passphrase *passphrase);
/* Its text, which is not NUL-terminated; valid until it is freed. */
const char *rise_passphrase_text(const rise_passphrase *passphrase, size_t *len);

/* ---- keystore (librise with libsodium only) ------------------------------------------------------------ */

/* Keys under one key, which is what a store of many keeps under a passphrase: XChaCha20-Poly1305, the type and the
 * public half of each being authenticated with it. In locked memory, wiped when freed. */
typedef struct rise_vault rise_vault;
#define RISE_VAULT_WRAPPED 72

rise_status rise_vault_new(rise_vault **out, const rise_entropy *entropy);
void rise_vault_free(rise_vault *vault);
rise_status rise_vault_wrap(const rise_vault *vault, uint8_t wrapped[RISE_VAULT_WRAPPED], const rise_key *key,
                            const rise_entropy *entropy);
/* RISE_EDATA: damaged, of another vault, or not the key with this public half (rise_key_public). */
rise_status rise_vault_unwrap(const rise_vault *vault, rise_key **out, rise_key_type type, const uint8_t *public_key,
                              size_t public_len, const uint8_t wrapped[RISE_VAULT_WRAPPED]);

/* A key or a vault under a passphrase: a text of Web3 Secret Storage, version 3 (scrypt or PBKDF2, AES-128-CTR,
 * Keccak). secp256k1 keys are as every wallet has them. The others have a member
 *     "rise": { "type": "p256", "public": "<x || y>" }     or     "rise": { "type": "vault" }
 * and their MAC is keccak256(derived[16..31] || ciphertext || iv || type), which covers what the standard one leaves
 * out and makes every other program call the passphrase wrong instead of taking them for secp256k1 keys. The public
 * half is compared with what comes out wherever the text has it, the address of a secp256k1 key among them.
 *
 * One object goes from derivation to use, in either direction:
 *     rise_keystore_read   a text        \                           / rise_keystore_unlock       a key
 *                                          > rise_keystore_derive >
 *     rise_keystore_new    for a new one /                           \ rise_keystore_seal         a text
 */
typedef struct rise_keystore rise_keystore;

/* What a text may ask for; more is RISE_ELIMIT. The standard is n 262144, r 8, p 1: 256 MiB, and an n r p of 2^21. */
#define RISE_KEYSTORE_MAX_TEXT ((size_t)1 << 16)
#define RISE_KEYSTORE_MAX_MEMORY ((uint64_t)1 << 29)    /* scrypt: 128 n r bytes */
#define RISE_KEYSTORE_MAX_WORK ((uint64_t)1 << 23)      /* scrypt: n r p */
#define RISE_KEYSTORE_MAX_ROUNDS 10000000u              /* PBKDF2 */

typedef enum rise_keystore_kind {
    RISE_KEYSTORE_SECP256K1,
    RISE_KEYSTORE_P256,
    RISE_KEYSTORE_VAULT
} rise_keystore_kind;

typedef struct rise_keystore_info {
    rise_keystore_kind kind;
    uint32_t n, r, p;         /* scrypt; zeros for PBKDF2 */
    uint32_t rounds;          /* PBKDF2; 0 for scrypt */
    uint8_t public_key[64];   /* as far as the text tells: x || y, or an address */
    size_t public_len;        /* 64, 20, or 0 */
} rise_keystore_info;

/* RISE_EDATA: no such text, with what is wrong. RISE_EUNSUPPORTED: another version, cipher, derivation or type.
 * RISE_ELIMIT: the bounds above. */
rise_status rise_keystore_read(rise_keystore **out, const char *text, size_t len, rise_error *error);
/* For a new text, with a salt of its own. RISE_EVALUE: no parameters of scrypt. RISE_ELIMIT as above. */
rise_status rise_keystore_new(rise_keystore **out, uint32_t n, uint32_t r, uint32_t p, const rise_entropy *entropy,
                              rise_error *error);
/* Wipes; waits for a derivation that is still under way. */
void rise_keystore_free(rise_keystore *keystore);
const rise_keystore_info *rise_keystore_get_info(const rise_keystore *keystore);

/* Starts deriving from a passphrase, which is copied. What takes more than a moment goes on in a thread that touches
 * this object alone and takes no signals; rise_keystore_ready tells without waiting whether it is done. May be called
 * again, with another passphrase. RISE_ELIMIT: the passphrase is too long. RISE_ENOMEM. */
rise_status rise_keystore_derive(rise_keystore *keystore, const void *passphrase, size_t len, rise_error *error);
int rise_keystore_ready(const rise_keystore *keystore);

/* These wait for the derivation. RISE_EUSAGE: none was started, or another kind is in it. RISE_ENOMEM: there was not
 * enough to derive. RISE_EPASSPHRASE: the MAC differs, since the passphrase is wrong or the text damaged. RISE_EDATA:
 * what comes out is no key, or not that of the public half. */
rise_status rise_keystore_unlock(rise_keystore *keystore, rise_key **out, rise_error *error);
rise_status rise_keystore_unlock_vault(rise_keystore *keystore, rise_vault **out, rise_error *error);
/* Appends a text. May be called again for another key: each gets an initial vector of its own. */
rise_status rise_keystore_seal(rise_keystore *keystore, rise_buf *out, const rise_key *key, const rise_entropy *entropy,
                               rise_error *error);
rise_status rise_keystore_seal_vault(rise_keystore *keystore, rise_buf *out, const rise_vault *vault,
                                     const rise_entropy *entropy, rise_error *error);

/* ---- files ----------------------------------------------------------------------------------------- */

/* Replaces the file at `path` in one step: written to a new file beside it (mode 0600), synced, renamed, and the
 * folder synced. A reader sees the old or the new contents, never a part. RISE_EIO with the reason in `error`. */
rise_status rise_file_write(const char *path, const void *data, size_t len, rise_error *error);
/* The same for a file that is not there yet: of several that write it at a time one succeeds, and none replaces what is
 * there. RISE_EIO with the reason; *exists (NULL is fine) tells whether it was that. */
rise_status rise_file_create(const char *path, const void *data, size_t len, int *exists, rise_error *error);
/* Makes the folder (mode 0700) and those above it that are missing. */
rise_status rise_file_mkdir(const char *path, rise_error *error);
/* The permission bits of a file or folder, as chmod takes them. RISE_EIO with the reason in `error`. */
rise_status rise_file_mode(const char *path, unsigned *mode, rise_error *error);

/* ---- HTTP transport (librise with network only) ----------------------------------------------------- */

/* Many requests over one libcurl multi handle; connections are kept and reused. Nothing happens outside of
 * `step`; there are no callbacks and no threads. */
typedef struct rise_transport rise_transport;

typedef struct rise_request {
    const char *url;            /* http or https; copied */
    const char *method;         /* NULL: POST when there is a body, else GET */
    const void *body;           /* copied */
    size_t body_len;
    const char *content_type;   /* NULL: application/json when there is a body */
    uint32_t timeout_ms;        /* for the whole exchange; 0: 30,000 */
    size_t max_reply;           /* a longer body is cut off and reported; 0: 16 MiB */
    int repeatable;             /* 1: may go out twice when a kept connection closes under it; GET, HEAD always may */
} rise_request;

typedef struct rise_reply {
    uint64_t id;
    rise_status status;         /* RISE_OK, RISE_ENETWORK, RISE_ETIMEOUT, RISE_ELIMIT, RISE_ENOMEM */
    int http_status;            /* 0 without an answer */
    int sent;                   /* 0 when no byte of the request can have reached the peer */
    const char *body;           /* valid until the next call on the transport; not NUL-terminated */
    size_t body_len;
    char message[256];          /* of a failure: what and where, no URL query, no body */
} rise_reply;

/* RISE_ENOMEM, RISE_ENETWORK when libcurl cannot be started. */
rise_status rise_transport_new(rise_transport **out);
/* Cancels what is under way, closes connections. */
void rise_transport_free(rise_transport *transport);
/* Takes a request and gives it an id (1 and up, never reused). RISE_EVALUE: not an http(s) URL, or a method or
 * content type that cannot go into a request. */
rise_status rise_transport_submit(rise_transport *transport, uint64_t *id, const rise_request *request,
                                  rise_error *error);
/* Moves bytes. Waits at most `timeout_ms` (0: never waits) for something to happen on a connection, or for one of the
 * `extra_count` descriptors to become readable; `extra_fds` may be NULL when there is none. *active receives how many
 * requests are under way. RISE_EUSAGE: more than RISE_EXTRA_FDS. */
#define RISE_EXTRA_FDS 16
rise_status rise_transport_step(rise_transport *transport, int timeout_ms, const int *extra_fds, size_t extra_count,
                                size_t *active);
/* 1 and *reply when one is finished, 0 when none is. */
int rise_transport_next(rise_transport *transport, rise_reply *reply);
/* Forgets a request; no reply will come for it. Unknown ids are ignored. */
void rise_transport_cancel(rise_transport *transport, uint64_t id);

#ifdef __cplusplus
}
#endif
#endif
