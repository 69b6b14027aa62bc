// Canny's edges: the same steps as src/canny.ts, which is its oracle.
#include "kernels.h"

enum { CANDIDATE = 0, NO_EDGE = 1, EDGE = 2, TAN_22 = 13573 };

static const i16 SMOOTH[3][4] = {{2, 1}, {6, 4, 1}, {20, 15, 6, 1}};
static const i16 SLOPE[3][4] = {{0, 1}, {0, 2, 1}, {0, 5, 4, 1}};

static void repeat_border(i16 *row, i32 stride, i32 margin, i32 channels) {
  for (i32 i = 0; i < margin; i++) {
    row[i] = row[margin + i % channels];
    row[margin + stride + i] = row[stride + i % channels + margin - channels];
  }
}

// value / 16, ties to even.
static inline i16 sixteenth(i32 value) {
  i32 floor = value >> 4, rest = value & 15;
  return (i16)(floor + (rest > 8 || (rest == 8 && (floor & 1))));
}

static void sobel_row(const u8 *data, i32 stride, i32 height, i32 channels, i32 aperture, i32 y, i16 *restrict smoothed,
                      i16 *restrict sloped, i16 *restrict dx, i16 *restrict dy) {
  i32 radius = aperture >> 1, margin = radius * channels;
  const i16 *smooth = SMOOTH[radius - 1], *slope = SLOPE[radius - 1];
  const u8 *restrict here = data + y * stride;
  if (aperture == 3) {
    const u8 *restrict above = data + clamp(y - 1, 0, height - 1) * stride;
    const u8 *restrict below = data + clamp(y + 1, 0, height - 1) * stride;
    for (i32 i = 0; i < stride; i++) {
      smoothed[i + margin] = (i16)(above[i] + 2 * here[i] + below[i]);
      sloped[i + margin] = (i16)(below[i] - above[i]);
    }
  } else {
    for (i32 i = 0; i < stride; i++) {
      smoothed[i + margin] = (i16)(smooth[0] * here[i]);
      sloped[i + margin] = 0;
    }
    for (i32 k = 1; k <= radius; k++) {
      const u8 *restrict above = data + clamp(y - k, 0, height - 1) * stride;
      const u8 *restrict below = data + clamp(y + k, 0, height - 1) * stride;
      i16 weight = smooth[k], rise = slope[k];
      for (i32 i = 0; i < stride; i++) {
        smoothed[i + margin] += (i16)(weight * (above[i] + below[i]));
        sloped[i + margin] += (i16)(rise * (below[i] - above[i]));
      }
    }
  }
  repeat_border(smoothed, stride, margin, channels);
  repeat_border(sloped, stride, margin, channels);
  if (aperture == 3) {
    for (i32 i = 0; i < stride; i++) {
      dx[i] = (i16)(smoothed[i + 2 * channels] - smoothed[i]);
      dy[i] = (i16)(sloped[i] + 2 * sloped[i + channels] + sloped[i + 2 * channels]);
    }
    return;
  }
  for (i32 i = 0; i < stride; i++) {
    i32 centre = i + margin, x = 0, v = smooth[0] * sloped[centre];
    for (i32 k = 1; k <= radius; k++) {
      x += slope[k] * (smoothed[centre + k * channels] - smoothed[centre - k * channels]);
      v += smooth[k] * (sloped[centre + k * channels] + sloped[centre - k * channels]);
    }
    dx[i] = aperture == 7 ? sixteenth(x) : (i16)x;
    dy[i] = aperture == 7 ? sixteenth(v) : (i16)v;
  }
}

static inline i32 magnitude(i32 x, i32 y, i32 l2) { return l2 ? x * x + y * y : (x < 0 ? -x : x) + (y < 0 ? -y : y); }

static void sizes_of_row(i16 *restrict dx, i16 *restrict dy, i32 *restrict size, i32 width, i32 channels, i32 l2) {
  if (channels == 1) {
    if (l2)
      for (i32 i = 0; i < width; i++) size[i + 1] = dx[i] * dx[i] + dy[i] * dy[i];
    else
      for (i32 i = 0; i < width; i++) size[i + 1] = (dx[i] < 0 ? -dx[i] : dx[i]) + (dy[i] < 0 ? -dy[i] : dy[i]);
    return;
  }
  for (i32 i = 0; i < width; i++) {
    i32 at = i * channels, best = magnitude(dx[at], dy[at], l2);
    for (i32 c = i * channels + 1; c < (i + 1) * channels; c++) {
      i32 other = magnitude(dx[c], dy[c], l2);
      at = other > best ? c : at;
      best = other > best ? other : best;
    }
    size[i + 1] = best;
    dx[i] = dx[at];
    dy[i] = dy[at];
  }
}

// A row of RGB pixels as three planes of bytes.
static void split_row(const u8 *from, i32 width, u8 *planes, i32 pitch) {
  u8 *red = planes, *green = planes + pitch, *blue = planes + 2 * pitch;
  i32 i = 0;
  for (; i + 16 <= width; i += 16, from += 48) {
    v128_t a = wasm_v128_load(from), b = wasm_v128_load(from + 16), c = wasm_v128_load(from + 32);
    v128_t r = wasm_i8x16_shuffle(a, b, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
    v128_t g = wasm_i8x16_shuffle(a, b, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
    v128_t l = wasm_i8x16_shuffle(a, b, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
    wasm_v128_store(red + i, wasm_i8x16_shuffle(r, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29));
    wasm_v128_store(green + i, wasm_i8x16_shuffle(g, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30));
    wasm_v128_store(blue + i, wasm_i8x16_shuffle(l, c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31));
  }
  for (; i < width; i++, from += 3) {
    red[i] = from[0];
    green[i] = from[1];
    blue[i] = from[2];
  }
}

static inline v128_t twice(v128_t a) { return wasm_i16x8_add(a, a); }

// Gradients by the Sobel kernel of 3x3 of one plane, kept in dx, dy and best where |dx| + |dy| is larger than what is there.
// Up to seven values too much are read and written.
static void keep_larger(const u8 *above, const u8 *here, const u8 *below, i32 width, i16 *smoothed, i16 *sloped, i16 *dx,
                        i16 *dy, i16 *best) {
  for (i32 i = 0; i < width; i += 8) {
    v128_t a = wasm_u16x8_load8x8(above + i), h = wasm_u16x8_load8x8(here + i), b = wasm_u16x8_load8x8(below + i);
    wasm_v128_store(smoothed + i + 1, wasm_i16x8_add(wasm_i16x8_add(a, twice(h)), b));
    wasm_v128_store(sloped + i + 1, wasm_i16x8_sub(b, a));
  }
  repeat_border(smoothed, width, 1, 1);
  repeat_border(sloped, width, 1, 1);
  for (i32 i = 0; i < width; i += 8) {
    v128_t x = wasm_i16x8_sub(wasm_v128_load(smoothed + i + 2), wasm_v128_load(smoothed + i));
    v128_t y = wasm_i16x8_add(wasm_i16x8_add(wasm_v128_load(sloped + i), twice(wasm_v128_load(sloped + i + 1))),
                              wasm_v128_load(sloped + i + 2));
    v128_t size = wasm_i16x8_add(wasm_i16x8_abs(x), wasm_i16x8_abs(y)), known = wasm_v128_load(best + i);
    v128_t is_larger = wasm_i16x8_gt(size, known);
    wasm_v128_store(dx + i, wasm_v128_bitselect(x, wasm_v128_load(dx + i), is_larger));
    wasm_v128_store(dy + i, wasm_v128_bitselect(y, wasm_v128_load(dy + i), is_larger));
    wasm_v128_store(best + i, wasm_i16x8_max(size, known));
  }
}

// What is usual, aperture 3 of RGB with |dx| + |dy|, plane by plane in 16 bits. planes: a ring of 3 rows.
static void gradients_rgb(const u8 *data, i32 width, i32 height, i32 y, u8 *planes, i16 *work, i16 *restrict dx,
                          i16 *restrict dy, i32 *restrict size) {
  i32 pitch = width + 16, line = width + 8;
  i16 *smoothed = work, *sloped = work + line, *restrict best = work + 2 * line;
  if (y == 0) split_row(data, width, planes, pitch);
  if (y + 1 < height) split_row(data + (y + 1) * width * 3, width, planes + (y + 1) % 3 * 3 * pitch, pitch);
  const u8 *above = planes + clamp(y - 1, 0, height - 1) % 3 * 3 * pitch;
  const u8 *here = planes + y % 3 * 3 * pitch;
  const u8 *below = planes + clamp(y + 1, 0, height - 1) % 3 * 3 * pitch;
  for (i32 i = 0; i < width; i++) best[i] = -1;
  for (i32 c = 0; c < 3; c++, above += pitch, here += pitch, below += pitch)
    keep_larger(above, here, below, width, smoothed, sloped, dx, dy, best);
  for (i32 i = 0; i < width; i++) size[i + 1] = best[i];
}

static i32 *thin_pixel(const i32 *above, const i32 *size, const i32 *below, const i16 *dx, const i16 *dy, i32 i, i32 high,
                       u8 *map, i32 row, i32 *stack) {
  i32 m = size[i], xs = dx[i - 1], ys = dy[i - 1];
  i32 x = xs < 0 ? -xs : xs, y = (ys < 0 ? -ys : ys) << 15, tan22 = x * TAN_22;
  if (y < tan22) {
    if (m <= size[i - 1] || m < size[i + 1]) return stack;
  } else if (y > tan22 + (x << 16)) {
    if (m <= above[i] || m < below[i]) return stack;
  } else {
    i32 side = (xs ^ ys) < 0 ? -1 : 1;
    if (m <= above[i - side] || m <= below[i + side]) return stack;
  }
  if (m > high) {
    map[row + i] = EDGE;
    *stack++ = row + i;
  } else
    map[row + i] = CANDIDATE;
  return stack;
}

// thin_pixel of four pixels at once.
static i32 *thin_four(const i32 *above, const i32 *size, const i32 *below, const i16 *dx, const i16 *dy, i32 i,
                      v128_t is_strong, i32 high, u8 *map, i32 row, i32 *stack) {
  v128_t m = wasm_v128_load(size + i);
  v128_t xs = wasm_i32x4_load16x4(dx + i - 1), ys = wasm_i32x4_load16x4(dy + i - 1);
  v128_t x = wasm_i32x4_abs(xs), y = wasm_i32x4_shl(wasm_i32x4_abs(ys), 15);
  v128_t tan22 = wasm_i32x4_mul(x, wasm_i32x4_splat(TAN_22));
  v128_t is_across = wasm_i32x4_lt(y, tan22), is_along = wasm_i32x4_gt(y, wasm_i32x4_add(tan22, wasm_i32x4_shl(x, 16)));
  v128_t is_rising = wasm_i32x4_lt(wasm_v128_xor(xs, ys), wasm_i32x4_splat(0));
  v128_t before = wasm_v128_bitselect(wasm_v128_load(above + i + 1), wasm_v128_load(above + i - 1), is_rising);
  v128_t after = wasm_v128_bitselect(wasm_v128_load(below + i - 1), wasm_v128_load(below + i + 1), is_rising);
  before = wasm_v128_bitselect(wasm_v128_load(above + i), before, is_along);
  after = wasm_v128_bitselect(wasm_v128_load(below + i), after, is_along);
  before = wasm_v128_bitselect(wasm_v128_load(size + i - 1), before, is_across);
  after = wasm_v128_bitselect(wasm_v128_load(size + i + 1), after, is_across);
  // Only across a diagonal must both neighbours be smaller.
  v128_t is_straight = wasm_v128_or(is_across, is_along);
  v128_t is_peak = wasm_v128_and(
      wasm_i32x4_gt(m, before),
      wasm_v128_or(wasm_i32x4_gt(m, after), wasm_v128_and(wasm_i32x4_eq(m, after), is_straight)));
  is_peak = wasm_v128_and(is_peak, is_strong);
  v128_t is_edge = wasm_v128_and(is_peak, wasm_i32x4_gt(m, wasm_i32x4_splat(high)));
  // 1 where there is none, 0 for a candidate, 2 for an edge.
  v128_t kinds = wasm_i32x4_sub(wasm_i32x4_add(wasm_i32x4_splat(NO_EDGE), is_peak), wasm_i32x4_shl(is_edge, 1));
  v128_t words = wasm_i16x8_narrow_i32x4(kinds, kinds);
  wasm_v128_store32_lane(map + row + i, wasm_u8x16_narrow_i16x8(words, words), 0);
  for (u32 edges = wasm_i32x4_bitmask(is_edge); edges; edges &= edges - 1) *stack++ = row + i + __builtin_ctz(edges);
  return stack;
}

static i32 *thin_row(const i32 *above, const i32 *size, const i32 *below, const i16 *dx, const i16 *dy, i32 width, i32 low,
                     i32 high, u8 *map, i32 row, i32 *stack) {
  i32 i = 1;
  v128_t limit = wasm_i32x4_splat(low);
  for (; i + 3 <= width; i += 4) {
    v128_t is_strong = wasm_i32x4_gt(wasm_v128_load(size + i), limit);
    if (wasm_v128_any_true(is_strong))
      stack = thin_four(above, size, below, dx, dy, i, is_strong, high, map, row, stack);
  }
  for (; i <= width; i++)
    if (size[i] > low) stack = thin_pixel(above, size, below, dx, dy, i, high, map, row, stack);
  return stack;
}

// A row of the finished map, white on black, in one channel or three equal ones.
static void write_row(const u8 *restrict from, i32 width, i32 channels, u8 *restrict to) {
  if (channels == 1) {
    for (i32 x = 0; x < width; x++) to[x] = (u8)(-(from[x] >> 1));
    return;
  }
  i32 x = 0;
  for (; x + 16 <= width; x += 16) {
    v128_t edges = wasm_i8x16_neg(wasm_u8x16_shr(wasm_v128_load(from + x), 1));
    wasm_v128_store(to + x * 3, wasm_i8x16_shuffle(edges, edges, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5));
    wasm_v128_store(to + x * 3 + 16,
                    wasm_i8x16_shuffle(edges, edges, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10));
    wasm_v128_store(to + x * 3 + 32, wasm_i8x16_shuffle(edges, edges, 10, 11, 11, 11, 12, 12, 12, 13, 13, 13, 14, 14, 14, 15,
                                                        15, 15));
  }
  for (; x < width; x++) to[x * 3] = to[x * 3 + 1] = to[x * 3 + 2] = (u8)(-(from[x] >> 1));
}

// work: 2 lines of 16-bit (with margins), then 3 x (dx, dy), then 3 lines of sizes; planes: 9 * (width + 16) bytes; map has
// a border of one pixel; stack holds one index a pixel; edges has `out_channels` equal channels.
EXPORT(canny)
void canny(const u8 *data, i32 width, i32 height, i32 channels, i32 aperture, i32 low, i32 high, i32 l2, i16 *work,
           u8 *planes, i32 *sizes, u8 *map, i32 *stack, u8 *edges, i32 out_channels) {
  i32 stride = width * channels, pitch = width + 2, line = stride + 8 * channels;
  i32 is_usual = aperture == 3 && channels == 3 && !l2;
  i16 *smoothed = work, *sloped = work + line;
  i32 *top = stack;
  __builtin_memset(map, NO_EDGE, (unsigned)(pitch * (height + 2)));
  __builtin_memset(sizes, 0, (unsigned)(3 * pitch) * 4);
  for (i32 y = 0; y <= height; y++) {
    i16 *dx = work + (2 + y % 3 * 2) * line, *dy = dx + line;
    i32 *size = sizes + y % 3 * pitch;
    if (y < height && is_usual)
      gradients_rgb(data, width, height, y, planes, work, dx, dy, size);
    else if (y < height) {
      sobel_row(data, stride, height, channels, aperture, y, smoothed, sloped, dx, dy);
      sizes_of_row(dx, dy, size, width, channels, l2);
    } else
      __builtin_memset(size, 0, (unsigned)pitch * 4);
    if (y == 0) continue;
    i16 *middle = work + (2 + (y + 2) % 3 * 2) * line;
    top = thin_row(sizes + (y + 1) % 3 * pitch, sizes + (y + 2) % 3 * pitch, size, middle, middle + line, width, low, high,
                   map, y * pitch, top);
  }
  const i32 around[8] = {-pitch - 1, -pitch, -pitch + 1, -1, 1, pitch - 1, pitch, pitch + 1};
  while (top > stack) {
    i32 at = *--top;
    for (i32 k = 0; k < 8; k++)
      if (map[at + around[k]] == CANDIDATE) {
        map[at + around[k]] = EDGE;
        *top++ = at + around[k];
      }
  }
  for (i32 y = 0; y < height; y++)
    write_row(map + (y + 1) * pitch + 1, width, out_channels, edges + y * width * out_channels);
}
