/* Keystores, vaults and passphrases. The texts are the test vectors of the Web3 Secret Storage Definition, and two of
 * geth's with keys that are too short. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "check.h"

#define SCRYPT(iv, ciphertext, n, r, p, salt, mac)                                                             \
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"" iv "\"},\"ciphertext\":\"" ciphertext \
    "\",\"kdf\":\"scrypt\",\"kdfparams\":{\"dklen\":32,\"n\":" n ",\"r\":" r ",\"p\":" p ",\"salt\":\"" salt    \
    "\"},\"mac\":\"" mac "\"},\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}"

static const char scrypt_vector[] =
    SCRYPT("83dbcc02d8ccb40e466191a123791e0e", "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c",
           "262144", "1", "8", "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
           "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097");
static const char short_vector[] =
    SCRYPT("3ca92af36ad7c2cd92454c59cea5ef00", "108b7d34f3442fc26ab1ab90ca91476ba6bfa8c00975a49ef9051dc675aa", "2",
           "8", "1", "d0769e608fb86cda848065642a9c6fa046845c928175662b8e356c77f914cd3b",
           "75d0e6759f7b3cefa319c3be41680ab6beea7d8328653474bd06706d4cc67420");
static const char pbkdf2_vector[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"6087dab2f9fdbbfaddc31a909735c1e6\"},"
    "\"ciphertext\":\"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46\",\"kdf\":\"pbkdf2\","
    "\"kdfparams\":{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\","
    "\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"},"
    "\"mac\":\"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2\"},"
    "\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\"version\":3}";

/* Made with OpenSSL's AES: the counter goes over from all ones, where 32 bits of it are not enough. */
static const char carry_vector[] =
    "{\"crypto\":{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{\"iv\":\"ffffffffffffffffffffffffffffffff\"},"
    "\"ciphertext\":\"f347b9c8bddedae1608df280706ec76ecfeaf2688957479fbf537dbe613c3ea9\",\"kdf\":\"pbkdf2\","
    "\"kdfparams\":{\"c\":3,\"dklen\":32,\"prf\":\"hmac-sha256\","
    "\"salt\":\"0707070707070707070707070707070707070707070707070707070707070707\"},"
    "\"mac\":\"cb7ca2d364a7553da43730c96f6d84f2188b749c4f366c24c93d9ab52803f8f7\"},\"version\":3}";

static rise_keystore *read_text(const char *text) {
    rise_keystore *keystore;

    CHECK(rise_keystore_read(&keystore, text, strlen(text), NULL) == RISE_OK);
    return keystore;
}

static void opens_to(const char *text, const char *passphrase, const char *hex) {
    rise_keystore *keystore = read_text(text);
    rise_error error;
    rise_key *key;
    uint8_t secret[32];

    CHECK(rise_keystore_unlock(keystore, &key, &error) == RISE_EUSAGE && key == NULL);
    CHECK(rise_keystore_derive(keystore, "wrong", 5, NULL) == RISE_OK);
    CHECK(rise_keystore_unlock(keystore, &key, &error) == RISE_EPASSPHRASE && key == NULL);
    CHECK(error.code == RISE_EPASSPHRASE && strstr(error.message, "wrong, or") != NULL);
    CHECK(rise_keystore_derive(keystore, passphrase, strlen(passphrase), NULL) == RISE_OK);
    CHECK(rise_keystore_unlock(keystore, &key, NULL) == RISE_OK);
    CHECK(rise_keystore_ready(keystore));
    CHECK(rise_key_get_type(key) == RISE_KEY_SECP256K1);
    rise_key_export(key, secret);
    CHECK_HEX(secret, 32, hex);
    rise_key_free(key);
    rise_keystore_free(keystore);
}

static void refused(const char *text, rise_status status, const char *message) {
    rise_keystore *keystore;
    rise_error error;

    CHECK(rise_keystore_read(&keystore, text, strlen(text), &error) == status && keystore == NULL);
    if (strstr(error.message, message) == NULL) {
        fprintf(stderr, "\"%s\" is not in \"%s\"\n", message, error.message);
        exit(1);
    }
    CHECK(rise_keystore_read(&keystore, text, strlen(text), NULL) == status);
}

/* The vector with one text in the place of another. */
static const char *with(const char *text, const char *what, const char *other) {
    static char changed[4096];
    const char *at = strstr(text, what);

    CHECK(at != NULL && strlen(text) + strlen(other) < sizeof changed);
    memcpy(changed, text, (size_t)(at - text));
    changed[at - text] = '\0';
    strcat(changed, other);
    strcat(changed, at + strlen(what));
    return changed;
}

static void texts_that_are_refused(void) {
    static char long_text[RISE_KEYSTORE_MAX_TEXT + 2];

    refused("", RISE_EDATA, "no JSON object");
    refused("[]", RISE_EDATA, "no JSON object");
    refused("{}", RISE_EDATA, "version is missing");
    refused("{\"version\":3}", RISE_EDATA, "crypto.cipher is missing");
    refused(with(short_vector, "\"version\":3}", "\"version\":3} x"), RISE_EDATA, "goes on behind");
    refused(with(short_vector, "\"version\":3}", "\"version\":3"), RISE_EDATA, "no JSON object");
    refused(with(short_vector, "\"version\":3", "\"version\":1"), RISE_EUNSUPPORTED, "not of version 3");
    refused(with(short_vector, "\"version\":3", "\"version\":\"3\""), RISE_EUNSUPPORTED, "not of version 3");
    refused(with(short_vector, "aes-128-ctr", "aes-128-cbc"), RISE_EUNSUPPORTED, "crypto.cipher is not aes-128-ctr");
    refused(with(short_vector, "\"kdf\":\"scrypt\"", "\"kdf\":\"argon2\""), RISE_EUNSUPPORTED, "neither scrypt");
    refused(with(short_vector, "\"dklen\":32", "\"dklen\":64"), RISE_EUNSUPPORTED, "dklen is not 32");
    refused(with(short_vector, "\"n\":2", "\"n\":3"), RISE_EDATA, "power of 2");
    refused(with(short_vector, "\"n\":2", "\"n\":-2"), RISE_EDATA, "kdfparams.n is missing or malformed");
    refused(with(short_vector, "\"r\":8", "\"r\":0"), RISE_EDATA, "from 1");
    refused(with(short_vector, "\"n\":2", "\"n\":1048576"), RISE_ELIMIT, "more memory or time");
    refused(with(short_vector, "\"n\":2", "\"n\":4294967296"), RISE_ELIMIT, "beyond what");
    refused(with(short_vector, "\"r\":8", "\"r\":4294967295"), RISE_ELIMIT, "more memory or time");
    refused(with(short_vector, "\"p\":1", "\"p\":4294967295"), RISE_ELIMIT, "more memory or time");
    refused(with(pbkdf2_vector, "262144", "10000001"), RISE_ELIMIT, "10,000,000 rounds");
    refused(with(pbkdf2_vector, "262144", "0"), RISE_EDATA, "kdfparams.c");
    refused(with(pbkdf2_vector, "hmac-sha256", "hmac-sha512"), RISE_EUNSUPPORTED, "prf is not hmac-sha256");
    refused(with(short_vector, "3ca92a", "3ca9"), RISE_EDATA, "iv is missing or malformed");
    refused(with(short_vector, "3ca92a", "3ca92g"), RISE_EDATA, "iv is missing or malformed");
    refused(with(short_vector, "108b7d", "00000000108b7d"), RISE_EDATA, "ciphertext");
    refused(with(short_vector, "\"id\"", "\"rise\":{\"type\":\"ed25519\"},\"id\""), RISE_EUNSUPPORTED, "rise.type");
    refused(with(short_vector, "\"id\"", "\"rise\":1,\"id\""), RISE_EDATA, "rise.type is missing");
    refused(with(short_vector, "\"id\"", "\"rise\":{\"type\":\"p256\"},\"id\""), RISE_EDATA, "rise.public");
    refused(with(short_vector, "\"id\"", "\"address\":\"0x12\",\"id\""), RISE_EDATA, "address");
    memset(long_text, ' ', sizeof long_text - 1);
    refused(long_text, RISE_ELIMIT, "64 KiB");
}

static void addresses_are_compared(void) {
    rise_keystore *keystore = read_text(with(short_vector, "\"id\"",
                                             "\"address\":\"0x00000000000000000000000000000000000000ff\",\"id\""));
    rise_key *key;
    rise_error error;

    CHECK(rise_keystore_derive(keystore, "foo", 3, NULL) == RISE_OK);
    CHECK(rise_keystore_unlock(keystore, &key, &error) == RISE_EDATA && key == NULL);
    CHECK(strstr(error.message, "not the key") != NULL);
    rise_keystore_free(keystore);
}

static int fixed(void *context, uint8_t *out, size_t len) {
    memset(out, *(const int *)context, len);
    return 0;
}

static int failing(void *context, uint8_t *out, size_t len) {
    (void)context;
    memset(out, 0, len);
    return -1;
}

static rise_status seal(rise_buf *out, const rise_key *key, const rise_entropy *entropy) {
    rise_keystore *keystore;
    rise_status status;

    CHECK(rise_keystore_new(&keystore, 2, 1, 1, NULL, NULL) == RISE_OK);
    CHECK(rise_keystore_seal(keystore, out, key, NULL, NULL) == RISE_EUSAGE);
    CHECK(rise_keystore_derive(keystore, "pass", 4, NULL) == RISE_OK);
    status = rise_keystore_seal(keystore, out, key, entropy, NULL);
    rise_keystore_free(keystore);
    return status;
}

/* Both types, there and back; the counter carries over all of the initial vector; every single bit of a text that is
 * changed gives no other key. */
static void there_and_back(rise_key_type type) {
    int all_ones = 0xff;
    rise_entropy ones = { fixed, &all_ones }, none = { failing, NULL };
    rise_buf text = RISE_BUF_INIT;
    rise_keystore *keystore;
    rise_key *key, *again;
    uint8_t before[64], after[64];
    size_t len, bit, opened = 0;

    CHECK(rise_key_generate(&key, type, NULL) == RISE_OK);
    len = rise_key_public(key, before);
    CHECK(seal(&text, key, &none) == RISE_EENTROPY && text.len == 0);
    CHECK(seal(&text, key, &ones) == RISE_OK);
    for (bit = 0; bit <= 8 * text.len; bit++) {
        rise_status status;
        if (bit > 0) {
            text.data[(bit - 1) / 8] ^= (uint8_t)(1u << (bit - 1) % 8);
        }
        again = NULL;
        status = rise_keystore_read(&keystore, (const char *)text.data, text.len, NULL);
        if (status == RISE_OK && rise_keystore_get_info(keystore)->n <= 4096
            && rise_keystore_get_info(keystore)->rounds == 0) {
            CHECK(rise_keystore_derive(keystore, "pass", 4, NULL) == RISE_OK);
            status = rise_keystore_unlock(keystore, &again, NULL);
            CHECK((status == RISE_OK) == (again != NULL));
        }
        CHECK(bit > 0 || again != NULL);
        if (again != NULL) {
            opened++;
            CHECK(rise_key_get_type(again) == type && rise_key_public(again, after) == len);
            CHECK(memcmp(before, after, len) == 0);
            rise_key_free(again);
        }
        rise_keystore_free(keystore);
        if (bit > 0) {
            text.data[(bit - 1) / 8] ^= (uint8_t)(1u << (bit - 1) % 8);
        }
    }
    /* The id (36 characters) says nothing about the key, nor do the names of members that are not read, nor whether a
     * digit of hex is a small or a capital letter. */
    CHECK(opened < 8 * 80 + 400);
    rise_key_free(key);
    rise_buf_free(&text);
}

static void new_ones(void) {
    rise_keystore *keystore = NULL;
    rise_entropy none = { failing, NULL };
    char long_passphrase[RISE_PASSPHRASE_MAX + 1] = { 'x' };
    rise_key *key;
    rise_buf out = RISE_BUF_INIT;

    CHECK(rise_keystore_new(&keystore, 3, 8, 1, NULL, NULL) == RISE_EVALUE && keystore == NULL);
    CHECK(rise_keystore_new(&keystore, 1u << 30, 8, 1, NULL, NULL) == RISE_ELIMIT && keystore == NULL);
    CHECK(rise_keystore_new(&keystore, 2, 1, 1, &none, NULL) == RISE_EENTROPY && keystore == NULL);
    CHECK(rise_keystore_new(&keystore, 2, 1, 1, NULL, NULL) == RISE_OK);
    CHECK(rise_keystore_derive(keystore, long_passphrase, sizeof long_passphrase, NULL) == RISE_ELIMIT);
    CHECK(rise_keystore_derive(keystore, "", 0, NULL) == RISE_OK);
    CHECK(rise_keystore_unlock(keystore, &key, NULL) == RISE_EUSAGE);
    rise_keystore_free(keystore);

    keystore = read_text(with(pbkdf2_vector, "262144", "1"));
    CHECK(rise_key_generate(&key, RISE_KEY_P256, NULL) == RISE_OK);
    CHECK(rise_keystore_derive(keystore, "x", 1, NULL) == RISE_OK);
    CHECK(rise_keystore_seal(keystore, &out, key, NULL, NULL) == RISE_EUSAGE);
    rise_key_free(key);
    rise_keystore_free(keystore);
}

/* Freed while the thread is at it; asked whether it is done without waiting. */
static void a_thread_of_its_own(void) {
    rise_keystore *keystore = read_text(scrypt_vector);
    rise_key *key;

    CHECK(!rise_keystore_ready(keystore));
    CHECK(rise_keystore_derive(keystore, "testpassword", 12, NULL) == RISE_OK);
    CHECK(!rise_keystore_ready(keystore)); /* takes much longer than this */
    while (!rise_keystore_ready(keystore)) {
        usleep(1000);
    }
    CHECK(rise_keystore_unlock(keystore, &key, NULL) == RISE_OK);
    rise_key_free(key);
    CHECK(rise_keystore_derive(keystore, "testpassword", 12, NULL) == RISE_OK);
    rise_keystore_free(keystore);
    rise_keystore_free(NULL);
}

static void vaults(void) {
    rise_vault *vault, *other;
    rise_entropy none = { failing, NULL };
    rise_key_type types[] = { RISE_KEY_P256, RISE_KEY_SECP256K1 };
    uint8_t wrapped[RISE_VAULT_WRAPPED], public_key[64], found[64];
    rise_key *key, *again;
    rise_keystore *keystore;
    rise_buf text = RISE_BUF_INIT;
    size_t i, len, bit;

    CHECK(rise_vault_new(&vault, &none) == RISE_EENTROPY && vault == NULL);
    CHECK(rise_vault_new(&vault, NULL) == RISE_OK);
    CHECK(rise_keystore_new(&keystore, 2, 1, 1, NULL, NULL) == RISE_OK);
    CHECK(rise_keystore_derive(keystore, "pass", 4, NULL) == RISE_OK);
    CHECK(rise_keystore_seal_vault(keystore, &text, vault, NULL, NULL) == RISE_OK);
    rise_keystore_free(keystore);
    CHECK(rise_keystore_read(&keystore, (const char *)text.data, text.len, NULL) == RISE_OK);
    rise_buf_free(&text);
    CHECK(rise_keystore_get_info(keystore)->kind == RISE_KEYSTORE_VAULT);
    CHECK(rise_keystore_derive(keystore, "pass", 4, NULL) == RISE_OK);
    CHECK(rise_keystore_unlock(keystore, &key, NULL) == RISE_EUSAGE);
    CHECK(rise_keystore_unlock_vault(keystore, &other, NULL) == RISE_OK);
    rise_keystore_free(keystore);
    for (i = 0; i < 2; i++) {
        CHECK(rise_key_generate(&key, types[i], NULL) == RISE_OK);
        len = rise_key_public(key, public_key);
        CHECK(rise_vault_wrap(vault, wrapped, key, &none) == RISE_EENTROPY);
        CHECK(rise_vault_wrap(vault, wrapped, key, NULL) == RISE_OK);
        CHECK(rise_vault_unwrap(other, &again, types[i], public_key, len, wrapped) == RISE_OK);
        CHECK(rise_key_public(again, found) == len && memcmp(found, public_key, len) == 0);
        rise_key_free(again);
        CHECK(rise_vault_unwrap(vault, &again, types[1 - i], public_key, len, wrapped) == RISE_EDATA && again == NULL);
        public_key[0] ^= 1;
        CHECK(rise_vault_unwrap(vault, &again, types[i], public_key, len, wrapped) == RISE_EDATA);
        public_key[0] ^= 1;
        CHECK(rise_vault_unwrap(vault, &again, types[i], public_key, 65, wrapped) == RISE_EDATA);
        for (bit = 0; bit < 8 * sizeof wrapped; bit++) {
            wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CHECK(rise_vault_unwrap(vault, &again, types[i], public_key, len, wrapped) == RISE_EDATA);
            wrapped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        rise_key_free(key);
    }
    rise_vault_free(other);
    CHECK(rise_vault_new(&other, NULL) == RISE_OK);
    CHECK(rise_vault_unwrap(other, &again, RISE_KEY_P256, public_key, len, wrapped) == RISE_EDATA);
    rise_vault_free(other);
    rise_vault_free(vault);
    rise_vault_free(NULL);
}

/* ---- passphrases --------------------------------------------------------------------------------------- */

static void says(rise_passphrase *passphrase, const char *want) {
    size_t len;
    const char *text = rise_passphrase_text(passphrase, &len);

    CHECK(len == strlen(want) && memcmp(text, want, len) == 0);
    rise_passphrase_free(passphrase);
}

static void lines(void) {
    rise_passphrase *passphrase;
    char many[RISE_PASSPHRASE_MAX + 2];
    rise_error error;
    int ends[2], i;

    CHECK(rise_passphrase_new(&passphrase, "a\0b", 3) == RISE_OK);
    rise_passphrase_free(passphrase);
    memset(many, 'x', sizeof many);
    CHECK(rise_passphrase_new(&passphrase, many, sizeof many) == RISE_ELIMIT && passphrase == NULL);
    CHECK(pipe(ends) == 0);
    CHECK(write(ends[1], "one\r\ntwo\n\nthree", 15) == 15);
    close(ends[1]);
    CHECK(rise_passphrase_fd(&passphrase, ends[0], NULL) == RISE_OK);
    says(passphrase, "one");
    CHECK(rise_passphrase_fd(&passphrase, ends[0], NULL) == RISE_OK);
    says(passphrase, "two");
    CHECK(rise_passphrase_fd(&passphrase, ends[0], NULL) == RISE_OK);
    says(passphrase, "");
    CHECK(rise_passphrase_fd(&passphrase, ends[0], NULL) == RISE_OK);
    says(passphrase, "three");
    close(ends[0]);
    CHECK(rise_passphrase_fd(&passphrase, ends[0], &error) == RISE_EIO && passphrase == NULL);
    CHECK(rise_passphrase_file(&passphrase, "/nowhere/at all", &error) == RISE_EIO && passphrase == NULL);
    for (i = 0; i < 2; i++) { /* as long as may be, and one more */
        CHECK(pipe(ends) == 0);
        CHECK(write(ends[1], many, RISE_PASSPHRASE_MAX + (size_t)i) == (ssize_t)RISE_PASSPHRASE_MAX + i);
        close(ends[1]);
        CHECK(rise_passphrase_fd(&passphrase, ends[0], NULL) == (i == 0 ? RISE_OK : RISE_ELIMIT));
        rise_passphrase_free(passphrase);
        close(ends[0]);
    }
}

/* A child with a terminal of its own, of which this process has the other end. */
static pid_t ask(int *master) {
    const char *name;
    pid_t child;

    *master = posix_openpt(O_RDWR | O_NOCTTY);
    CHECK(*master >= 0 && grantpt(*master) == 0 && unlockpt(*master) == 0);
    name = ptsname(*master);
    CHECK(name != NULL);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        rise_passphrase *passphrase;
        rise_status status;
        int fd;
        if (setsid() < 0 || (fd = open(name, O_RDWR)) < 0) {
            _exit(90);
        }
        (void)signal(SIGINT, SIG_DFL);
        (void)signal(SIGUSR1, SIG_IGN);
        status = rise_passphrase_prompt(&passphrase, "Passphrase: ", NULL);
        if (status == RISE_OK) {
            size_t len;
            const char *text = rise_passphrase_text(passphrase, &len);
            _exit(len == 6 && memcmp(text, "sesame", 6) == 0 ? 0 : 91);
        }
        _exit(status == RISE_ECANCELED ? 92 : 93);
    }
    return child;
}

static int echoes(int master) {
    struct termios about;

    CHECK(tcgetattr(master, &about) == 0);
    return (about.c_lflag & ECHO) != 0;
}

/* Reads what the terminal shows until it ends with the question. */
static void until_asked(int master) {
    char shown[256];
    size_t len = 0;

    while (len < 12 || memcmp(shown + len - 12, "Passphrase: ", 12) != 0) {
        CHECK(len < sizeof shown && read(master, shown + len, 1) == 1);
        len++;
    }
    CHECK(!echoes(master));
}

static int ended(pid_t child) {
    int status;

    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

/* A chroot may have no devpts mounted. */
static int has_terminals(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    int can = master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 && ptsname(master) != NULL;

    if (master >= 0) {
        (void)close(master);
    }
    return can;
}

static void the_terminal(void) {
    char shown[64] = "";
    int master, slave, status, i;
    pid_t child = ask(&master);
    ssize_t len;

    slave = open(ptsname(master), O_RDWR | O_NOCTTY); /* keeps it when the child has gone */
    until_asked(master);
    kill(child, SIGUSR1); /* ignored: no reason to stop asking */
    CHECK(write(master, "sesame\n", 7) == 7);
    status = ended(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(echoes(master));
    len = read(master, shown, sizeof shown - 1);
    CHECK(len > 0 && strstr(shown, "sesame") == NULL);
    close(slave);
    close(master);

    /* Ctrl-C and kill: it ends by the signal, and the terminal shows again what is typed. */
    for (i = 0; i < 2; i++) {
        child = ask(&master);
        slave = open(ptsname(master), O_RDWR | O_NOCTTY);
        until_asked(master);
        if (i == 0) {
            CHECK(write(master, "ses\003", 4) == 4);
        } else {
            kill(child, SIGTERM);
        }
        status = ended(child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == (i == 0 ? SIGINT : SIGTERM));
        CHECK(echoes(master));
        close(slave);
        close(master);
    }

    /* Ctrl-D */
    child = ask(&master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    until_asked(master);
    CHECK(write(master, "\004", 1) == 1);
    status = ended(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 92);
    CHECK(echoes(master));
    close(slave);
    close(master);

    /* Stopped and let go on while it asks: the answer still counts. */
    child = ask(&master);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    until_asked(master);
    kill(child, SIGSTOP);
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
    kill(child, SIGCONT);
    CHECK(write(master, "sesame\n", 7) == 7);
    status = ended(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(slave);
    close(master);
}

static void no_terminal(void) {
    pid_t child = fork();
    int status;

    CHECK(child >= 0);
    if (child == 0) {
        rise_passphrase *passphrase;
        _exit(setsid() >= 0 && rise_passphrase_prompt(&passphrase, "", NULL) == RISE_EIO && passphrase == NULL ? 0 : 1);
    }
    status = ended(child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void) {
    opens_to(scrypt_vector, "testpassword", "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
    opens_to(pbkdf2_vector, "testpassword", "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d");
    opens_to(short_vector, "foo", "000081c29e8142bb6a81bef5a92bda7a8328a5c85bb2f9542e76f9b0f94fc018");
    opens_to(with(short_vector, "crypto", "Crypto"), "foo",
             "000081c29e8142bb6a81bef5a92bda7a8328a5c85bb2f9542e76f9b0f94fc018");
    opens_to(carry_vector, "foo", "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20");
    texts_that_are_refused();
    addresses_are_compared();
    there_and_back(RISE_KEY_P256);
    there_and_back(RISE_KEY_SECP256K1);
    new_ones();
    a_thread_of_its_own();
    vaults();
    lines();
    no_terminal();
    if (has_terminals()) {
        the_terminal();
    } else {
        printf("this system gives out no pseudo-terminals (is devpts mounted?): the prompt was not tested\n");
    }
    return 0;
}
