// PNG's data of black-and-white maps: runs of equal bytes in a deflate stream (RFC 1951) with one fixed code that suits
// edges, so that a map is read once and its runs alone are written.
#include "kernels.h"

enum { ADLER = 65521, LONGEST_MATCH = 258, END = 256 };

// Bits of the codes: 0, 255, the end of the data, then the 29 lengths. From the Canny maps of photographs.
static const u8 BLACK_BITS = 2, WHITE_BITS = 1;
static const u8 LENGTH_BITS[30] = {10, 7, 7, 4, 8, 9, 6, 9, 10, 6, 7, 9, 7, 7, 7, 8, 8, 7, 8, 8, 8, 7, 8, 8, 8, 7, 8, 8, 8, 5};

typedef struct {
  u32 bits;
  i32 count;
} Code;

static struct {
  i32 is_ready;
  Code black, white, end, match[LONGEST_MATCH + 1];
} codes;

typedef struct {
  u8 *at;
  u64 bits;
  i32 count;
  u64 low, high;
} Stream;

static inline void put(Stream *to, u32 bits, i32 count) {
  to->bits |= (u64)bits << to->count;
  to->count += count;
  if (to->count < 32) return;
  __builtin_memcpy(to->at, &to->bits, 4);
  to->at += 4;
  to->bits >>= 32;
  to->count -= 32;
}

static inline void put_code(Stream *to, Code code) { put(to, code.bits, code.count); }

static u32 reversed(u32 bits, i32 count) {
  u32 result = 0;
  for (i32 i = 0; i < count; i++) result |= (bits >> i & 1) << (count - 1 - i);
  return result;
}

static i32 bits_of(i32 symbol) {
  return symbol >= END ? LENGTH_BITS[symbol - END] : symbol == 0 ? BLACK_BITS : symbol == 255 ? WHITE_BITS : 0;
}

// RFC 1951, 3.2.2: codes of one length follow one another. A match's code holds its extra bits (3.2.5) and the one distance.
static void prepare_codes(void) {
  if (codes.is_ready) return;
  u32 next = 0;
  for (i32 count = 1; count <= 15; count++, next <<= 1)
    for (i32 symbol = 0; symbol < 286; symbol++) {
      if (bits_of(symbol) != count) continue;
      Code code = {reversed(next++, count), count};
      if (symbol == 0) codes.black = code;
      else if (symbol == 255) codes.white = code;
      else if (symbol == END) codes.end = code;
      else if (symbol == 285) codes.match[LONGEST_MATCH] = (Code){code.bits, count + 1};
      else {
        i32 place = symbol - 257, extra = place < 8 ? 0 : (place >> 2) - 1;
        i32 first = place < 8 ? 3 + place : 3 + ((4 + (place & 3)) << extra);
        for (i32 i = 0; i < 1 << extra && first + i < LONGEST_MATCH; i++)
          codes.match[first + i] = (Code){code.bits | (u32)i << count, count + extra + 1};
      }
    }
  codes.is_ready = 1;
}

// The head of a block with its own codes (RFC 1951, 3.2.7); all 19 codes for code lengths are 4 or 5 bits long.
static void put_head(Stream *to) {
  static const u8 order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  put(to, 1 | 2 << 1, 3);
  put(to, 29, 5);
  put(to, 0, 5);
  put(to, 15, 4);
  for (i32 i = 0; i < 19; i++) put(to, order[i] < 13 ? 4 : 5, 3);
#define LENGTH(symbol) \
  ((symbol) < 13 ? put(to, reversed((u32)(symbol), 4), 4) : put(to, reversed((u32)(26 + (symbol) - 13), 5), 5))
  LENGTH(BLACK_BITS);
  // 254 symbols without a code.
  LENGTH(18);
  put(to, 138 - 11, 7);
  LENGTH(18);
  put(to, 116 - 11, 7);
  LENGTH(WHITE_BITS);
  for (i32 i = 0; i < 30; i++) LENGTH(LENGTH_BITS[i]);
  LENGTH(1);
#undef LENGTH
}

static void put_run(Stream *to, i32 is_white, i32 length) {
  if (length == 0) return;
  u64 value = is_white ? 255 : 0, count = (u64)length;
  to->high += count * to->low + value * (count * (count + 1) / 2);
  to->low += count * value;
  Code single = is_white ? codes.white : codes.black;
  put_code(to, single);
  length--;
  while (length > LONGEST_MATCH) {
    i32 part = length - LONGEST_MATCH < 3 ? length - 3 : LONGEST_MATCH;
    put_code(to, codes.match[part]);
    length -= part;
  }
  if (length >= 3) {
    put_code(to, codes.match[length]);
    return;
  }
  for (; length > 0; length--) put_code(to, single);
}

// A bit for each of 48 bytes that are all 0 or 255; others set `odd`.
static inline u64 white_bits(const u8 *at, v128_t *odd) {
  v128_t a = wasm_v128_load(at), b = wasm_v128_load(at + 16), c = wasm_v128_load(at + 32);
  v128_t wrong = wasm_v128_or(wasm_v128_xor(a, wasm_i8x16_shr(a, 7)), wasm_v128_xor(b, wasm_i8x16_shr(b, 7)));
  *odd = wasm_v128_or(*odd, wasm_v128_or(wrong, wasm_v128_xor(c, wasm_i8x16_shr(c, 7))));
  return (u64)wasm_i8x16_bitmask(a) | (u64)wasm_i8x16_bitmask(b) << 16 | (u64)wasm_i8x16_bitmask(c) << 32;
}

// The zlib stream of a map whose bytes are all 0 or 255, each written `times` times, with a filter byte of 0 before each
// row. `out` needs as many bytes as are written, one more a row and 256.
// Returns its length; 0 for another map, or where the three channels of a pixel differ.
EXPORT(deflate_lines)
i32 deflate_lines(const u8 *data, i32 width, i32 height, i32 channels, i32 times, u8 *out) {
  prepare_codes();
  Stream to = {out + 2, 0, 0, 1, 0};
  out[0] = 0x78;
  out[1] = 0x01;
  put_head(&to);
  // Bits of neighbours within a pixel must be equal.
  u64 within = channels == 3 ? 0x6db6db6db6db : 0;
  i32 stride = width * channels, length = 0, is_white = 0;
  u8 rest[48];
  for (i32 y = 0; y < height; y++, data += stride) {
    v128_t odd = wasm_u8x16_splat(0);
    u64 differs = 0;
    if (is_white) {
      put_run(&to, 1, length);
      length = is_white = 0;
    }
    length++;
    for (i32 i = 0; i < stride; i += 48) {
      i32 count = stride - i < 48 ? stride - i : 48;
      const u8 *at = data + i;
      if (count < 48) {
        __builtin_memset(rest, at[count - 1], 48);
        __builtin_memcpy(rest, at, (unsigned)count);
        at = rest;
      }
      u64 white = white_bits(at, &odd);
      differs |= (white ^ white >> 1) & within;
      u64 turns = (white ^ (white << 1 | (u64)is_white)) & 0xffffffffffff;
      i32 last = 0;
      for (; turns; turns &= turns - 1) {
        i32 turn = __builtin_ctzll(turns);
        put_run(&to, is_white, length + (turn - last) * times);
        length = 0;
        is_white = !is_white;
        last = turn;
      }
      length += (count - last) * times;
    }
    if (differs || wasm_v128_any_true(odd)) return 0;
    to.low %= ADLER;
    to.high %= ADLER;
  }
  put_run(&to, is_white, length);
  put_code(&to, codes.end);
  for (; to.count > 0; to.count -= 8, to.bits >>= 8) *to.at++ = (u8)to.bits;
  u32 check = (u32)(to.high % ADLER) << 16 | (u32)(to.low % ADLER);
  for (i32 i = 24; i >= 0; i -= 8) *to.at++ = (u8)(check >> i);
  return (i32)(to.at - out);
}

static u32 crc_table[4][256];

static void prepare_crc(void) {
  if (crc_table[0][1]) return;
  for (u32 i = 0; i < 256; i++) {
    u32 value = i;
    for (i32 bit = 0; bit < 8; bit++) value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
    crc_table[0][i] = value;
  }
  for (i32 k = 1; k < 4; k++)
    for (i32 i = 0; i < 256; i++) crc_table[k][i] = crc_table[k - 1][i] >> 8 ^ crc_table[0][crc_table[k - 1][i] & 255];
}

// The checksum of a PNG chunk's type and data (PNG, annex D), four bytes at a time.
EXPORT(crc32)
i32 crc32(const u8 *data, i32 length) {
  prepare_crc();
  u32 value = 0xffffffff;
  for (; length >= 4; length -= 4, data += 4) {
    u32 four;
    __builtin_memcpy(&four, data, 4);
    value ^= four;
    value = crc_table[3][value & 255] ^ crc_table[2][value >> 8 & 255] ^ crc_table[1][value >> 16 & 255] ^
            crc_table[0][value >> 24];
  }
  for (; length > 0; length--) value = value >> 8 ^ crc_table[0][(value ^ *data++) & 255];
  return (i32)~value;
}
