/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "base/bytes.h"
#include "fil/address.h"
#include "fil/commcid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* source: reference/chain 1.4; filecoin-project/go-address address_test.go and ref-fvm
 * shared/tests/address_test.rs (f1, f2, f4) */
static const struct {
    const char *text, *hex;
} vectors[] = {
    {"f05", "0005"},
    {"f00", "0000"},
    {"f01000", "00e807"},
    {"f01234567", "0087ad4b"},
    {"f09223372036854775807", "00ffffffffffffffff7f"},
    {"f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryy", "01fd1d0f4dfcd7e99afcb99a8326b7dc459d32c628"},
    {"f24vg6ut43yw2h2jqydgbg2xq7x6f4kub3bg6as6i", "02e54dea4f9bc5b47d261819826d5e1fbf8bc5503b"},
    {"f3vvmn62lofvhjd2ugzca6sof2j2ubwok6cj4xxbfzz4yuxfkgobpihhd2thlanmsh3w2ptld2gqkn2jvlss4a",
     "03ad58df696e2d4e91ea86c881e938ba4ea81b395e12797b84b9cf314b9546705e839c7a99d606b247ddb4f9ac7a3"
     "4"
     "14dd"},
    {"f3eirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceirceircfgxdf4ea",
     "03222222222222222222222222222222222222222222222222222222222222222222222222222222222222222222"
     "222222"},
    {"f410fkkld55ioe7qg24wvt7fu6pbknb56ht7pt4zamxa",
     "040a52963ef50e27e06d72d59fcb4f3c2a687be3cfef"},
};

static void addresses_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        slk_address a, b;
        char text[SLK_ADDRESS_TEXT_CHARS], hex[2 * SLK_ADDRESS_MAX_BYTES + 1];
        assert_int_equal(slk_address_parse(&a, vectors[i].text, NULL), SLK_OK);
        slk_hex_encode(hex, a.bytes, a.len);
        assert_string_equal(hex, vectors[i].hex);
        slk_address_print(text, &a, 'f');
        assert_string_equal(text, vectors[i].text);
        text[0] = 't';
        assert_int_equal(slk_address_parse(&b, text, NULL), SLK_OK);
        assert_true(slk_address_equal(&a, &b));
        assert_int_equal(slk_address_from_bytes(&b, a.bytes, a.len, NULL), SLK_OK);
        assert_true(slk_address_equal(&a, &b));
        /* Every single wrong character is noticed by alphabet or checksum. */
        for (size_t k = 2; a.bytes[0] != 0 && text[k] != 0; k++) {
            char kept = text[k];
            text[k] = kept == 'a' ? 'b' : 'a';
            assert_int_equal(slk_address_parse(&b, text, NULL), SLK_E_INVAL);
            text[k] = kept;
        }
    }
}

static void wrong_addresses_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "f",
                                      "f0",
                                      "x01",
                                      "f5",
                                      "f0-1",
                                      "f001",
                                      "f09223372036854775808",
                                      "f1",
                                      "f1a",
                                      "f17uoq6tp427uzv7fztkbsnn64iwotfrristwpryyy",
                                      "f4",
                                      "f410",
                                      "f410f",
                                      "f4fa",
                                      "f0 1",
                                      "F01000",
                                      "f401fkkld55ioe7qg24wvt7fu6pbknb56ht7pt4zamxa"};
    slk_address a;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(slk_address_parse(&a, bad[i], NULL), SLK_E_INVAL);
    static const char *const bad_bytes[] = {"",     "00",   "0080",   "008000",
                                            "01aa", "05aa", "040a80", "00ffffffffffffffffff01"};
    for (size_t i = 0; i < sizeof bad_bytes / sizeof *bad_bytes; i++) {
        uint8_t bytes[16];
        size_t n = strlen(bad_bytes[i]) / 2;
        assert_true(slk_hex_decode(bytes, n, bad_bytes[i]));
        bool plain_namespace = strcmp(bad_bytes[i], "040a80") == 0; /* f4, sub-address of 1 byte */
        assert_int_equal(slk_address_from_bytes(&a, bytes, n, NULL),
                         plain_namespace ? SLK_OK : SLK_E_INVAL);
    }
    uint64_t id;
    assert_int_equal(slk_miner_id_parse(&id, "t01000", NULL), SLK_OK);
    assert_true(id == 1000);
    assert_int_equal(slk_miner_id_parse(&id, "7", NULL), SLK_OK);
    assert_int_equal(slk_miner_id_parse(&id, "f1000", NULL), SLK_E_INVAL);
    assert_int_equal(slk_miner_id_parse(&id, "f0", NULL), SLK_E_INVAL);
    assert_int_equal(slk_miner_id_parse(&id, "9223372036854775808", NULL), SLK_E_INVAL);
}

static void commitments_have_their_cids(void **state)
{
    (void)state;
    /* source: reference/chain 5, 6 */
    static const char *const zero[][2] = {
        {"fc7e928296e516faade986b28f92d44a4f24b935485223376a799027bc18f833",
         "baga6ea4seaqpy7usqklokfx2vxuynmupslkeutzexe2uqurdg5vhtebhxqmpqmy"},
        {"65f29e5d98d246c38b388cfc06db1f6b021303c5a289000bdce832a9c3ec421c",
         "baga6ea4seaqgl4u6lwmnerwdrm4iz7ag3mpwwaqtapc2fciabpooqmvjypweeha"},
        {"39560e7b13a93b07a243fd2720ffa7cb3e1d2e505ab3629e79f46313512cda06",
         "baga6ea4seaqdsvqopmj2soyhujb72jza76t4wpq5fzifvm3ctz47iyytkewnubq"},
        {"077e5fde35c50a9303a55009e3498a4ebedff39c42b710b730d8ec7ac7afa63e",
         "baga6ea4seaqao7s73y24kcutaosvacpdjgfe5pw76ooefnyqw4ynr3d2y6x2mpq"},
        {"e64005a6bfe3777953b8ad6ef93f0fca1049b2041654f2a411f7702799cece02",
         "baga6ea4seaqomqafu276g53zko4k23xzh4h4uecjwicbmvhsuqi7o4bhthhm4aq"}};
    slk_cid cid, parsed;
    uint8_t comm[32], back[32];
    char text[SLK_CID_TEXT_CHARS];
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) {
        assert_true(slk_hex_decode(comm, 32, zero[i][0]));
        slk_comm_d_cid(&cid, comm);
        slk_cid_print(text, &cid);
        assert_string_equal(text, zero[i][1]);
        assert_int_equal(slk_comm_d_from_cid(back, &cid, NULL), SLK_OK);
        assert_memory_equal(back, comm, 32);
        assert_int_equal(slk_comm_r_from_cid(back, &cid, NULL), SLK_E_INVAL);
    }
    memset(comm, 0x11, 31);
    comm[31] = 1;
    slk_comm_r_cid(&cid, comm);
    slk_cid_print(text, &cid);
    assert_string_equal(text, "bagboea4b5abcaeirceirceirceirceirceirceirceirceirceirceirceirceib");
    assert_int_equal(slk_comm_r_from_cid(back, &cid, NULL), SLK_OK);
    assert_memory_equal(back, comm, 32);
    assert_int_equal(slk_comm_d_from_cid(back, &cid, NULL), SLK_E_INVAL);
    slk_cid_make(&parsed, SLK_CODEC_COMMITMENT_SEALED, SLK_HASH_POSEIDON_FC1, comm, 31);
    assert_int_equal(slk_comm_r_from_cid(back, &parsed, NULL), SLK_E_INVAL);
    parsed = (slk_cid){0};
    assert_int_equal(slk_comm_r_from_cid(back, &parsed, NULL), SLK_E_INVAL);
}

static void commitments_stay_in_range(void **state)
{
    (void)state;
    uint8_t r[32];
    slk_cid cid;
    /* The modulus itself and one below. source: reference/field */
    assert_true(
        slk_hex_decode(r, 32, "01000000fffffffffe5bfeff02a4bd5305d8a10908d83933487d9d2953a7ed73"));
    assert_false(slk_comm_r_in_range(r));
    slk_cid_make(&cid, SLK_CODEC_COMMITMENT_SEALED, SLK_HASH_POSEIDON_FC1, r, 32);
    assert_int_equal(slk_comm_r_from_cid(r, &cid, NULL), SLK_E_INVAL);
    assert_true(slk_comm_r_cid_prefix_ok(&cid));
    r[0] = 0;
    assert_true(slk_comm_r_in_range(r));
    assert_false(slk_comm_d_in_range(r));
    r[31] = 0x3f;
    assert_true(slk_comm_d_in_range(r));
    memset(r, 0xff, 32);
    assert_false(slk_comm_r_in_range(r));
    slk_cid_make(&cid, SLK_CODEC_COMMITMENT_UNSEALED, SLK_HASH_SHA2_256_TRUNC254, r, 32);
    assert_int_equal(slk_comm_d_from_cid(r, &cid, NULL), SLK_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_round_trip),
        cmocka_unit_test(wrong_addresses_are_refused),
        cmocka_unit_test(commitments_have_their_cids),
        cmocka_unit_test(commitments_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
