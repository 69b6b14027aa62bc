// Resizing: the same sums as src/resize.ts and src/resize-area.ts, which are its oracles.
#include "kernels.h"

// A pair of neighbouring pixels as 16-bit pairs of each channel, taken from six bytes at `at`.
#define PAIR(at) wasm_i8x16_const(at, -1, at + 3, -1, at + 1, -1, at + 4, -1, at + 2, -1, at + 5, -1, -1, -1, -1, -1)

// The sums of one RGB pixel, a channel a lane. The taps are neighbours in memory; up to 28 bytes are read from `from` on.
static inline __attribute__((always_inline)) v128_t rgb_sums(const u8 *from, i32 taps, const i16 *weight) {
  v128_t bytes = taps == 2 ? wasm_v128_load64_zero(from) : wasm_v128_load(from);
  v128_t sum = wasm_i32x4_dot_i16x8(wasm_i8x16_swizzle(bytes, PAIR(0)), wasm_v128_load32_splat(weight));
  if (taps == 2) return wasm_i32x4_shr(sum, 4);
  sum = wasm_i32x4_add(
      sum, wasm_i32x4_dot_i16x8(wasm_i8x16_swizzle(bytes, PAIR(6)), wasm_v128_load32_splat(weight + 2)));
  if (taps == 4) return wasm_i32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_splat(16)), 5);
  bytes = wasm_v128_load(from + 12);
  sum = wasm_i32x4_add(
      sum, wasm_i32x4_dot_i16x8(wasm_i8x16_swizzle(bytes, PAIR(0)), wasm_v128_load32_splat(weight + 4)));
  return wasm_i32x4_add(
      sum, wasm_i32x4_dot_i16x8(wasm_i8x16_swizzle(bytes, PAIR(6)), wasm_v128_load32_splat(weight + 6)));
}

// Pixels from `i` up to `end` of a row: sums of taps in 11-bit fixed point, for two and four taps rounded to 16 bits.
static inline __attribute__((always_inline)) void combine_pixels(const u8 *row, i32 channels, i32 taps, const i32 *indices,
                                                                 const i16 *weights, i32 i, i32 end, void *out) {
  i16 *out16 = out;
  i32 *out32 = out;
  for (; i < end; i++) {
    const i32 *index = indices + i * taps;
    const i16 *weight = weights + i * taps;
    for (i32 c = 0; c < channels; c++) {
      i32 sum = 0;
      for (i32 k = 0; k < taps; k++) sum += row[index[k] * channels + c] * weight[k];
      if (taps == 8)
        out32[i * channels + c] = sum;
      else
        out16[i * channels + c] = (i16)(taps == 2 ? sum >> 4 : (sum + 16) >> 5);
    }
  }
}

// The same for RGB pixels whose taps are neighbours in memory. Returns where it stopped: at `end`, or one before it. Each
// store writes a value too much, which the next pixel overwrites.
static inline __attribute__((always_inline)) i32 combine_rgb(const u8 *row, i32 taps, const i32 *indices,
                                                             const i16 *weights, i32 i, i32 end, void *out) {
  i16 *out16 = out;
  i32 *out32 = out;
  if (taps == 8) {
    for (; i < end; i++) wasm_v128_store(out32 + i * 3, rgb_sums(row + indices[i * 8] * 3, 8, weights + i * 8));
    return i;
  }
  for (; i + 2 <= end; i += 2) {
    const i32 *index = indices + i * taps;
    const i16 *weight = weights + i * taps;
    v128_t a = rgb_sums(row + index[0] * 3, taps, weight), b = rgb_sums(row + index[taps] * 3, taps, weight + taps);
    v128_t both = wasm_i16x8_narrow_i32x4(a, b);
    wasm_v128_store64_lane(out16 + i * 3, both, 0);
    wasm_v128_store64_lane(out16 + i * 3 + 3, both, 1);
  }
  return i;
}

// A row; the taps of RGB pixels from `first` on, up to `last`, are neighbours.
static inline __attribute__((always_inline)) void combine_row(const u8 *row, i32 channels, i32 taps, const i32 *indices,
                                                              const i16 *weights, i32 width, i32 first, i32 last,
                                                              void *out) {
  combine_pixels(row, channels, taps, indices, weights, 0, first, out);
  i32 rest = combine_rgb(row, taps, indices, weights, first, last, out);
  combine_pixels(row, channels, taps, indices, weights, rest, width, out);
}

static inline u8 to_byte(i32 sum) { return (u8)clamp((sum + (1 << 21)) >> 22, 0, 255); }

static void blend2(const i16 *a, const i16 *b, i16 wa, i16 wb, i32 stride, u8 *to) {
  const v128_t va = wasm_i16x8_splat(wa), vb = wasm_i16x8_splat(wb), two = wasm_i16x8_splat(2);
  i32 i = 0;
  for (; i + 8 <= stride; i += 8) {
    v128_t x = wasm_v128_load(a + i), y = wasm_v128_load(b + i);
    // The upper halves of the products of 16 bits.
    v128_t px = wasm_i16x8_shuffle(wasm_i32x4_extmul_low_i16x8(x, va), wasm_i32x4_extmul_high_i16x8(x, va), 1, 3, 5, 7, 9,
                                   11, 13, 15);
    v128_t py = wasm_i16x8_shuffle(wasm_i32x4_extmul_low_i16x8(y, vb), wasm_i32x4_extmul_high_i16x8(y, vb), 1, 3, 5, 7, 9,
                                   11, 13, 15);
    v128_t sum = wasm_i16x8_shr(wasm_i16x8_add(wasm_i16x8_add(px, py), two), 2);
    wasm_v128_store64_lane(to + i, wasm_u8x16_narrow_i16x8(sum, sum), 0);
  }
  for (; i < stride; i++) to[i] = (u8)((((a[i] * wa) >> 16) + ((b[i] * wb) >> 16) + 2) >> 2);
}

static void blend4(const i16 *a, const i16 *b, const i16 *c, const i16 *d, const i16 *w, i32 stride, u8 *to) {
  const v128_t ab = wasm_v128_load32_splat(w), cd = wasm_v128_load32_splat(w + 2), half = wasm_i32x4_splat(1 << 16);
  i32 i = 0;
  for (; i + 8 <= stride; i += 8) {
    v128_t x = wasm_v128_load(a + i), y = wasm_v128_load(b + i), z = wasm_v128_load(c + i), u = wasm_v128_load(d + i);
    v128_t low = wasm_i32x4_add(wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(x, y, 0, 8, 1, 9, 2, 10, 3, 11), ab),
                                wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(z, u, 0, 8, 1, 9, 2, 10, 3, 11), cd));
    v128_t high = wasm_i32x4_add(wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(x, y, 4, 12, 5, 13, 6, 14, 7, 15), ab),
                                 wasm_i32x4_dot_i16x8(wasm_i16x8_shuffle(z, u, 4, 12, 5, 13, 6, 14, 7, 15), cd));
    low = wasm_i32x4_shr(wasm_i32x4_add(low, half), 17);
    high = wasm_i32x4_shr(wasm_i32x4_add(high, half), 17);
    v128_t sum = wasm_i16x8_narrow_i32x4(low, high);
    wasm_v128_store64_lane(to + i, wasm_u8x16_narrow_i16x8(sum, sum), 0);
  }
  for (; i < stride; i++)
    to[i] = (u8)clamp((a[i] * w[0] + b[i] * w[1] + c[i] * w[2] + d[i] * w[3] + (1 << 16)) >> 17, 0, 255);
}

static void blend8(i32 *const *lines, const i16 *w, i32 stride, u8 *restrict to) {
  const i32 *restrict a = lines[0], *restrict b = lines[1], *restrict c = lines[2], *restrict d = lines[3];
  const i32 *restrict e = lines[4], *restrict f = lines[5], *restrict g = lines[6], *restrict h = lines[7];
  i32 wa = w[0], wb = w[1], wc = w[2], wd = w[3], we = w[4], wf = w[5], wg = w[6], wh = w[7];
  for (i32 i = 0; i < stride; i++)
    to[i] = to_byte(a[i] * wa + b[i] * wb + c[i] * wc + d[i] * wd + e[i] * we + f[i] * wf + g[i] * wg + h[i] * wh);
}

static void combine_row_of(const u8 *row, i32 channels, i32 taps, const i32 *indices, const i16 *weights, i32 width,
                           i32 first, i32 last, void *out) {
  if (taps == 2)
    combine_row(row, channels, 2, indices, weights, width, first, last, out);
  else if (taps == 4)
    combine_row(row, channels, 4, indices, weights, width, first, last, out);
  else
    combine_row(row, channels, 8, indices, weights, width, first, last, out);
}

static i32 are_neighbours(const i32 *index, i32 taps) { return index[0] + taps - 1 == index[taps - 1]; }

// lines: `taps` rows of width * channels + 4 sums of 32 bits.
EXPORT(resize_taps)
void resize_taps(const u8 *data, i32 source_width, i32 channels, u8 *out, i32 width, i32 height, i32 taps,
                 const i32 *x_indices, const i16 *x_weights, const i32 *y_indices, const i16 *y_weights, i32 *lines) {
  i32 stride = width * channels, pitch = stride + 4, first = 0, last = width;
  // Beyond the ends the border pixel repeats: there the taps are no neighbours.
  while (first < width && !are_neighbours(x_indices + first * taps, taps)) first++;
  while (last > first && !are_neighbours(x_indices + (last - 1) * taps, taps)) last--;
  if (channels != 3) first = last = 0;
  i32 known[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
  for (i32 j = 0; j < height; j++) {
    i32 *rows[8];
    for (i32 k = 0; k < taps; k++) {
      i32 row = y_indices[j * taps + k], slot = row % taps;
      rows[k] = lines + slot * pitch;
      if (known[slot] == row) continue;
      known[slot] = row;
      combine_row_of(data + row * source_width * channels, channels, taps, x_indices, x_weights, width, first, last,
                     rows[k]);
    }
    const i16 *w = y_weights + j * taps;
    const i16 *a = (const i16 *)rows[0], *b = (const i16 *)rows[1];
    u8 *to = out + j * stride;
    if (taps == 2)
      blend2(a, b, w[0], w[1], stride, to);
    else if (taps == 4)
      blend4(a, b, (const i16 *)rows[2], (const i16 *)rows[3], w, stride, to);
    else
      blend8(rows, w, stride, to);
  }
}

// Three bytes and one more as floats, a channel a lane. Eight bytes are read.
static inline v128_t rgb_floats(const u8 *at) {
  return wasm_f32x4_convert_u32x4(wasm_u32x4_extend_low_u16x8(wasm_u16x8_load8x8(at)));
}

// Averages along `rows` rows of RGB pixels at once: independent sums, which hide one another's latency. The last store of
// a line writes a value too much.
static inline __attribute__((always_inline)) void average_rgb(const u8 *from, i32 source_stride, i32 rows, i32 width,
                                                              const i32 *starts, const i32 *sources, const float *parts,
                                                              float *line, i32 pitch) {
  for (i32 i = 0; i < width; i++) {
    v128_t sums[4] = {wasm_f32x4_splat(0), wasm_f32x4_splat(0), wasm_f32x4_splat(0), wasm_f32x4_splat(0)};
    const u8 *at = from + sources[starts[i]] * 3;
    for (i32 s = starts[i]; s < starts[i + 1]; s++, at += 3) {
      v128_t part = wasm_v128_load32_splat(parts + s);
      for (i32 k = 0; k < rows; k++)
        sums[k] = wasm_f32x4_add(sums[k], wasm_f32x4_mul(rgb_floats(at + k * source_stride), part));
    }
    for (i32 k = 0; k < rows; k++) wasm_v128_store(line + k * pitch + i * 3, sums[k]);
  }
}

static void average_any(const u8 *from, i32 channels, i32 width, const i32 *starts, const i32 *sources,
                        const float *parts, float *line) {
  for (i32 i = 0; i < width; i++)
    for (i32 c = 0; c < channels; c++) {
      float sum = 0;
      for (i32 s = starts[i]; s < starts[i + 1]; s++) sum += parts[s] * from[sources[s] * channels + c];
      line[i * channels + c] = sum;
    }
}

// Area averages with parts of pixels, of a band of rows. lines: width * channels + 4 floats for each row of the band; sums:
// as many once, and 12 more.
EXPORT(resize_area)
void resize_area(const u8 *data, i32 source_width, i32 source_rows, i32 channels, u8 *out, i32 width, i32 height,
                 const i32 *x_starts, const i32 *x_sources, const float *x_parts, const i32 *y_starts,
                 const i32 *y_sources, const float *y_parts, float *restrict lines, float *restrict sums) {
  i32 stride = width * channels, pitch = stride + 4, source_stride = source_width * channels, row = 0;
  if (channels == 3) {
    for (; row + 4 <= source_rows; row += 4)
      average_rgb(data + row * source_stride, source_stride, 4, width, x_starts, x_sources, x_parts, lines + row * pitch,
                  pitch);
    for (; row < source_rows; row++)
      average_rgb(data + row * source_stride, source_stride, 1, width, x_starts, x_sources, x_parts, lines + row * pitch,
                  pitch);
  } else
    for (; row < source_rows; row++)
      average_any(data + row * source_stride, channels, width, x_starts, x_sources, x_parts, lines + row * pitch);
  for (i32 j = 0; j < height; j++) {
    for (i32 i = 0; i < stride; i++) sums[i] = 0;
    for (i32 e = y_starts[j]; e < y_starts[j + 1]; e++) {
      const float *restrict line = lines + y_sources[e] * pitch;
      float part = y_parts[e];
      for (i32 i = 0; i < stride; i++) sums[i] += part * line[i];
    }
    u8 *restrict to = out + j * stride;
    // The last store writes up to seven bytes too much, which the next row overwrites.
    for (i32 i = 0; i < stride; i += 8) {
      v128_t low = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_v128_load(sums + i)));
      v128_t high = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(wasm_v128_load(sums + i + 4)));
      v128_t words = wasm_i16x8_narrow_i32x4(low, high);
      wasm_v128_store64_lane(to + i, wasm_u8x16_narrow_i16x8(words, words), 0);
    }
  }
}

// Area averages of whole blocks.
EXPORT(resize_blocks)
void resize_blocks(const u8 *data, i32 source_width, i32 channels, u8 *out, i32 width, i32 height, i32 block_x,
                   i32 block_y) {
  i32 stride = source_width * channels, area = block_x * block_y;
  float scale = 1.0f / (float)area;
  for (i32 y = 0; y < height; y++)
    for (i32 x = 0; x < width; x++) {
      const u8 *corner = data + y * block_y * stride + x * block_x * channels;
      for (i32 c = 0; c < channels; c++) {
        i32 sum = 0;
        for (i32 dy = 0; dy < block_y; dy++)
          for (i32 dx = 0; dx < block_x; dx++) sum += corner[dy * stride + dx * channels + c];
        *out++ = area == 4 && block_x == 2 ? (u8)((sum + 2) >> 2) : (u8)__builtin_nearbyintf((float)sum * scale);
      }
    }
}

// Nearest pixels. columns: byte offsets in a row; rows: numbers of rows.
EXPORT(resize_nearest)
void resize_nearest(const u8 *data, i32 source_width, i32 channels, u8 *out, i32 width, i32 height, const i32 *columns,
                    const i32 *rows) {
  i32 stride = width * channels;
  for (i32 j = 0; j < height; j++, out += stride) {
    if (j > 0 && rows[j] == rows[j - 1]) {
      __builtin_memcpy(out, out - stride, (unsigned)stride);
      continue;
    }
    const u8 *from = data + rows[j] * source_width * channels;
    if (channels == 3)
      // Four bytes at a time: the fourth is overwritten by the next pixel or lies behind the last one.
      for (i32 i = 0; i < width; i++) __builtin_memcpy(out + i * 3, from + columns[i], 4);
    else
      for (i32 i = 0; i < width; i++)
        for (i32 c = 0; c < channels; c++) out[i * channels + c] = from[columns[i] + c];
  }
}
