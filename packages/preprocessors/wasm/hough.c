// Hough transforms: the same steps as src/hough-lines.ts and src/hough-segments.ts, which are its oracles.
#include "kernels.h"

static inline v128_t nearest4(v128_t x, v128_t cosine, v128_t y, v128_t sine) {
  v128_t value = wasm_f32x4_add(wasm_f32x4_mul(x, cosine), wasm_f32x4_mul(y, sine));
  return wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_nearest(value));
}

static inline i32 nearest1(float x, float cosine, float y, float sine) {
  return (i32)__builtin_nearbyintf(x * cosine + y * sine);
}

// Votes of all points for all angles. xs and ys: the points as floats. One row an angle, with a border.
EXPORT(hough_votes)
void hough_votes(const float *xs, const float *ys, i32 points, const float *cosines, const float *sines, i32 angles,
                 i32 pitch, i32 centre, i32 *votes) {
  for (i32 n = 0; n < angles; n++) {
    i32 *row = votes + (n + 1) * pitch + centre;
    v128_t cosine = wasm_f32x4_splat(cosines[n]), sine = wasm_f32x4_splat(sines[n]);
    i32 p = 0;
    for (; p + 4 <= points; p += 4) {
      v128_t r = nearest4(wasm_v128_load(xs + p), cosine, wasm_v128_load(ys + p), sine);
      row[wasm_i32x4_extract_lane(r, 0)]++;
      row[wasm_i32x4_extract_lane(r, 1)]++;
      row[wasm_i32x4_extract_lane(r, 2)]++;
      row[wasm_i32x4_extract_lane(r, 3)]++;
    }
    for (; p < points; p++) row[nearest1(xs[p], cosines[n], ys[p], sines[n])]++;
  }
}

// Local maxima above a threshold, in no order. Returns how many.
EXPORT(hough_peaks)
i32 hough_peaks(const i32 *votes, i32 angles, i32 distances, i32 threshold, i32 *peaks, i32 limit) {
  i32 pitch = distances + 2, found = 0;
  for (i32 n = 1; n <= angles; n++)
    for (i32 r = 1; r <= distances; r++) {
      i32 at = n * pitch + r, count = votes[at];
      if (count <= threshold || count <= votes[at - 1] || count < votes[at + 1]) continue;
      if (count <= votes[at - pitch] || count < votes[at + pitch]) continue;
      if (found < limit) peaks[found] = at;
      found++;
    }
  return found;
}

typedef struct {
  const float *cosines, *sines;
  i32 *votes;
  i32 angles, distances;
} Accumulator;

// Adds a point's votes; the best angle, or -1 below the threshold. The tables are padded to a multiple of four.
static i32 add_votes(const Accumulator *a, i32 x, i32 y, i32 threshold) {
  v128_t fx = wasm_f32x4_splat((float)x), fy = wasm_f32x4_splat((float)y);
  i32 best = threshold - 1, angle = -1, *row = a->votes + (a->distances - 1) / 2;
  i32 distances = a->distances, n = 0;
#define VOTE(lane)                                       \
  {                                                      \
    i32 count = ++row[wasm_i32x4_extract_lane(r, lane)]; \
    if (count > best) {                                  \
      best = count;                                      \
      angle = n + lane;                                  \
    }                                                    \
    row += distances;                                    \
  }
  for (; n + 4 <= a->angles; n += 4) {
    v128_t r = nearest4(fx, wasm_v128_load(a->cosines + n), fy, wasm_v128_load(a->sines + n));
    VOTE(0) VOTE(1) VOTE(2) VOTE(3)
  }
  for (; n < a->angles; n++) {
    v128_t r = nearest4(fx, wasm_v128_load(a->cosines + n), fy, wasm_v128_load(a->sines + n));
    VOTE(0)
  }
  return angle;
}

static void remove_votes(const Accumulator *a, i32 x, i32 y) {
  v128_t fx = wasm_f32x4_splat((float)x), fy = wasm_f32x4_splat((float)y);
  i32 *row = a->votes + (a->distances - 1) / 2;
  for (i32 n = 0; n < a->angles; n += 4) {
    i32 four[4];
    wasm_v128_store(four, nearest4(fx, wasm_v128_load(a->cosines + n), fy, wasm_v128_load(a->sines + n)));
    for (i32 k = 0; k < 4 && n + k < a->angles; k++, row += a->distances) row[four[k]]--;
  }
}

// Segments as x1, y1, x2, y2. points: the offsets of the set pixels of mask; slopes: for each angle the steps
// (along x?, dx, dy). Returns how many segments.
EXPORT(hough_segments)
i32 hough_segments(u8 *mask, i32 width, i32 height, i32 *points, i32 left, const float *cosines, const float *sines,
                   const i32 *slopes, i32 angles, i32 distances, i32 *votes, i32 threshold, i32 length, i32 max_gap,
                   i32 *segments) {
  Accumulator accumulator = {cosines, sines, votes, angles, distances};
  uint64_t state = (uint64_t)-1;
  i32 found = 0;
  for (; left > 0; left--) {
    state = (uint64_t)(uint32_t)state * 4164903690u + (uint32_t)(state >> 32);
    i32 drawn = (i32)((uint32_t)state % (uint32_t)left), point = points[drawn];
    points[drawn] = points[left - 1];
    if (!mask[point]) continue;
    i32 x = point % width, y = point / width;
    i32 angle = add_votes(&accumulator, x, y, threshold);
    if (angle < 0) continue;
    i32 along_x = slopes[angle * 3], dx = slopes[angle * 3 + 1], dy = slopes[angle * 3 + 2];
    i32 x0 = along_x ? x : (x << 16) + 32768, y0 = along_x ? (y << 16) + 32768 : y, ends[4] = {0, 0, 0, 0};
    for (i32 k = 0; k < 2; k++) {
      i32 sx = k ? -dx : dx, sy = k ? -dy : dy, gap = 0;
      for (i32 px = x0, py = y0;; px += sx, py += sy) {
        i32 column = along_x ? px : px >> 16, row = along_x ? py >> 16 : py;
        if (column < 0 || column >= width || row < 0 || row >= height) break;
        if (mask[row * width + column]) {
          gap = 0;
          ends[k * 2] = column;
          ends[k * 2 + 1] = row;
        } else if (++gap > max_gap)
          break;
      }
    }
    i32 wide = ends[2] - ends[0], high = ends[3] - ends[1];
    i32 is_long = (wide < 0 ? -wide : wide) >= length || (high < 0 ? -high : high) >= length;
    for (i32 k = 0; k < 2; k++) {
      i32 sx = k ? -dx : dx, sy = k ? -dy : dy;
      for (i32 px = x0, py = y0;; px += sx, py += sy) {
        i32 column = along_x ? px : px >> 16, row = along_x ? py >> 16 : py, at = row * width + column;
        if (mask[at]) {
          if (is_long) remove_votes(&accumulator, column, row);
          mask[at] = 0;
        }
        if (row == ends[k * 2 + 1] && column == ends[k * 2]) break;
      }
    }
    if (!is_long) continue;
    for (i32 k = 0; k < 4; k++) segments[found * 4 + k] = ends[k];
    found++;
  }
  return found;
}
