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

static i32 *thin_row(const i32 *above, const i32 *size, const i32 *below, const i16 *dx, const i16 *dy, i32 width, i32 low,
                     i32 high, u8 *map, i32 row, i32 *stack) {
  i32 i = 1;
  v128_t limit = wasm_i32x4_splat(low);
  for (; i + 3 <= width; i += 4) {
    i32 strong = (i32)wasm_i32x4_bitmask(wasm_i32x4_gt(wasm_v128_load(size + i), limit));
    while (strong) {
      i32 lane = __builtin_ctz((unsigned)strong);
      strong &= strong - 1;
      stack = thin_pixel(above, size, below, dx, dy, i + lane, high, map, row, stack);
    }
  }
  for (; i <= width; i++)
    if (size[i] > low) stack = thin_pixel(above, size, below, dx, dy, i, high, map, row, stack);
  return stack;
}

// work: 2 lines of 16-bit (with margins), then 3 x (dx, dy), then 3 lines of sizes; map has a border of one pixel;
// stack holds one index a pixel.
EXPORT(canny)
void canny(const u8 *data, i32 width, i32 height, i32 channels, i32 aperture, i32 low, i32 high, i32 l2, i16 *work,
           i32 *sizes, u8 *map, i32 *stack, u8 *edges) {
  i32 stride = width * channels, pitch = width + 2, line = stride + 8 * channels;
  i16 *smoothed = work, *sloped = work + line;
  i32 *top = stack;
  __builtin_memset(map, NO_EDGE, (unsigned)(pitch * (height + 2)));
  __builtin_memset(sizes, 0, (unsigned)(3 * pitch) * 4);
  for (i32 y = 0; y <= height; y++) {
    i16 *dx = work + (2 + y % 3 * 2) * line, *dy = dx + line;
    i32 *size = sizes + y % 3 * pitch;
    if (y < height) {
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
  for (i32 y = 0; y < height; y++) {
    const u8 *restrict from = map + (y + 1) * pitch + 1;
    u8 *restrict to = edges + y * width;
    for (i32 x = 0; x < width; x++) to[x] = (u8)(-(from[x] >> 1));
  }
}
