/* The inner loops of src/onnx/transforms: ranges of blocks of floats, their rounding to 4 or 8 bits and
 * the steps of half-quadratic quantisation, several at a time. tools/make_kernel.sh compiles it to
 * src/onnx/transforms/kernelBytes.ts.
 *
 * Value k of block b lies at b * block + k, or, where there is a pitch, at k * pitch + b. Behind the last
 * values up to a multiple of 16 (of 8 with a pitch) lie zeros, and with a pitch behind the last block up
 * to a multiple of 4. Float operations are those of the scalar definition one by one: nothing is fused or
 * reordered. */
#include <wasm_simd128.h>

#define BLOCKS 256
#define VALUES 65536

/* So many blocks of so many values in all, what becomes of them, and what is known of each block. */
float values[VALUES];
unsigned short halves[VALUES];
unsigned char packed[VALUES];
float high[BLOCKS], low[BLOCKS], inverse[BLOCKS], zero[BLOCKS];
/* The largest bits but for the sign: 0x7f800000 or more is not finite. */
int size[BLOCKS];

/* So many halves, a multiple of 4, as values. */
void widen(int count) {
  v128_t exponent = wasm_i32x4_splat(0x0f800000);
  for (int k = 0; k < count; k += 4) {
    v128_t h = wasm_u32x4_load16x4(halves + k);
    v128_t most = wasm_i32x4_shl(wasm_v128_and(h, wasm_i32x4_splat(0x7fff)), 13);
    v128_t sign = wasm_i32x4_shl(wasm_v128_and(h, wasm_i32x4_splat(0x8000)), 16);
    v128_t beyond = wasm_i32x4_eq(wasm_v128_and(most, exponent), exponent);
    v128_t v = wasm_f32x4_mul(most, wasm_f32x4_splat(0x1p112f));
    v = wasm_v128_or(v, wasm_v128_and(beyond, wasm_i32x4_splat(0x7f800000)));
    wasm_v128_store(values + k, wasm_v128_or(v, sign));
  }
}

static v128_t most_of(v128_t sizes, v128_t v) {
  return wasm_i32x4_max(sizes, wasm_v128_and(v, wasm_i32x4_splat(0x7fffffff)));
}

/* The largest value or 0, and the smallest or 0, of each of `count` blocks. */
void ranges(int count, int length, int block, int pitch) {
  v128_t none = wasm_f32x4_splat(0);
  if (pitch) {
    for (int b = 0; b < count; b += 4) {
      v128_t h = none, l = none, s = none;
      const float *p = values + b;
      for (int k = 0; k < length; k++, p += pitch) {
        v128_t v = wasm_v128_load(p);
        h = wasm_f32x4_pmax(h, v);
        l = wasm_f32x4_pmin(l, v);
        s = most_of(s, v);
      }
      wasm_v128_store(high + b, h);
      wasm_v128_store(low + b, l);
      wasm_v128_store(size + b, s);
    }
    return;
  }
  for (int b = 0; b < count; b++) {
    v128_t h = none, l = none, s = none;
    const float *p = values + b * block;
    for (int k = 0; k < length; k += 4) {
      v128_t v = wasm_v128_load(p + k);
      h = wasm_f32x4_pmax(h, v);
      l = wasm_f32x4_pmin(l, v);
      s = most_of(s, v);
    }
    h = wasm_f32x4_pmax(h, wasm_i32x4_shuffle(h, h, 2, 3, 0, 1));
    h = wasm_f32x4_pmax(h, wasm_i32x4_shuffle(h, h, 1, 0, 3, 2));
    l = wasm_f32x4_pmin(l, wasm_i32x4_shuffle(l, l, 2, 3, 0, 1));
    l = wasm_f32x4_pmin(l, wasm_i32x4_shuffle(l, l, 1, 0, 3, 2));
    s = wasm_i32x4_max(s, wasm_i32x4_shuffle(s, s, 2, 3, 0, 1));
    s = wasm_i32x4_max(s, wasm_i32x4_shuffle(s, s, 1, 0, 3, 2));
    high[b] = wasm_f32x4_extract_lane(h, 0);
    low[b] = wasm_f32x4_extract_lane(l, 0);
    size[b] = wasm_i32x4_extract_lane(s, 0);
  }
}

/* round(clamp(v * inverse + zero)) as floats, ties away from zero or to even: with the float before
 * 1/2 what is just below a tie stays below. What is no number becomes 0. */
static v128_t rounded(v128_t v, v128_t factor, v128_t point, v128_t most, int even) {
  v128_t t = wasm_f32x4_add(wasm_f32x4_mul(v, factor), point);
  t = wasm_f32x4_pmin(wasm_f32x4_pmax(wasm_f32x4_splat(0), t), most);
  if (even) return wasm_f32x4_nearest(t);
  return wasm_f32x4_floor(wasm_f32x4_add(t, wasm_f32x4_splat(0x1.fffffep-2f)));
}

/* Whole floats below 2^16 as integers. */
static v128_t integers(v128_t q) {
  return wasm_v128_and(wasm_f32x4_add(q, wasm_f32x4_splat(0x1p23f)), wasm_i32x4_splat(0xffff));
}

static v128_t joined(v128_t low, v128_t high, float factor) {
  return wasm_f32x4_add(low, wasm_f32x4_mul(high, wasm_f32x4_splat(factor)));
}

/* The integers of each block, packed from `block * bits / 8` bytes to the next; 0 behind `length`. */
void roundAll(int count, int length, int block, int bits, int pitch, int even) {
  v128_t most = wasm_f32x4_splat((float)((1 << bits) - 1));
  int bytes = block * bits / 8;
  if (pitch)
    for (int b = 0; b < count; b += 4) {
      v128_t f = wasm_v128_load(inverse + b), z = wasm_v128_load(zero + b);
      const float *p = values + b;
      unsigned char *o = packed + b * bytes;
#define AT(k) rounded(wasm_v128_load(p + (k) * pitch), f, z, most, even)
      for (int k = 0; k < length; k += 8, p += 8 * pitch) {
        if (bits == 4) {
          v128_t l = joined(joined(AT(0), AT(1), 16), joined(AT(2), AT(3), 16), 256);
          v128_t h = joined(joined(AT(4), AT(5), 16), joined(AT(6), AT(7), 16), 256);
          v128_t w = wasm_v128_or(integers(l), wasm_i32x4_shl(integers(h), 16));
          wasm_v128_store32_lane(o, w, 0);
          wasm_v128_store32_lane(o + bytes, w, 1);
          wasm_v128_store32_lane(o + 2 * bytes, w, 2);
          wasm_v128_store32_lane(o + 3 * bytes, w, 3);
          o += 4;
        } else
          for (int i = 0; i < 8; i += 4, o += 4) {
            v128_t l = joined(AT(i), AT(i + 1), 256), h = joined(AT(i + 2), AT(i + 3), 256);
            v128_t w = wasm_v128_or(integers(l), wasm_i32x4_shl(integers(h), 16));
            wasm_v128_store32_lane(o, w, 0);
            wasm_v128_store32_lane(o + bytes, w, 1);
            wasm_v128_store32_lane(o + 2 * bytes, w, 2);
            wasm_v128_store32_lane(o + 3 * bytes, w, 3);
          }
      }
#undef AT
    }
  else
    for (int b = 0; b < count; b++) {
      v128_t f = wasm_f32x4_splat(inverse[b]), z = wasm_f32x4_splat(zero[b]);
      const float *p = values + b * block;
      unsigned char *o = packed + b * bytes;
#define AT(i) integers(rounded(wasm_v128_load(p + k + 4 * (i)), f, z, most, even))
      for (int k = 0; k < length; k += 16) {
        v128_t w = wasm_u8x16_narrow_i16x8(wasm_i16x8_narrow_i32x4(AT(0), AT(1)),
                                           wasm_i16x8_narrow_i32x4(AT(2), AT(3)));
        if (bits == 8) {
          wasm_v128_store(o + k, w);
          continue;
        }
        w = wasm_v128_and(wasm_v128_or(w, wasm_u16x8_shr(w, 4)), wasm_i16x8_splat(0xff));
        wasm_v128_store64_lane(o + k / 2, wasm_u8x16_narrow_i16x8(w, w), 0);
      }
#undef AT
    }
  if (length == block) return;
  int used = length * bits / 8, odd = length * bits % 8;
  for (int b = 0; b < count; b++) {
    unsigned char *o = packed + b * bytes;
    if (odd) o[used] &= 15;
    for (int k = used + (odd != 0); k < bytes; k++) o[k] = 0;
  }
}

#define STEPS 20

/* Of each step: the weight of the norm, and what is at most so large shrinks to 0. */
float weights[STEPS], limits[STEPS];
/* Sums of the errors of all blocks before each step. */
double errors[STEPS];
float other[VALUES];

/* JavaScript's. */
__attribute__((import_module("env"), import_name("power"))) double power(double base, double exponent);

/* Values without a pitch get one. */
void turn(int count, int block, int pitch) {
  for (int k = 0; k < count * block; k++) other[k] = values[k];
  for (int b = 0; b < count; b++)
    for (int k = 0; k < block; k++) values[k * pitch + b] = other[b * block + k];
  for (int b = count; b & 3; b++)
    for (int k = 0; k < block; k++) values[k * pitch + b] = 0;
}

/* w times the inverse without the error that is left when d has shrunk. */
static float outlier(float w, float d, float factor, float weight) {
  float most = __builtin_fabsf(d);
  float less = most - weight * (float)power(most + 1e-8f, -0.3);
  float e = less > 0 ? (d < 0 ? -less : less) : 0;
  return (w - e) * factor;
}

/* Moves the zero point of each block so many times from that of its range, which reaches to 0 where
 * `whole`; writes it and the inverse of the scale. */
void hqq(int count, int block, int bits, int pitch, int steps, int whole) {
  float max = (float)((1 << bits) - 1);
  v128_t most = wasm_f32x4_splat(max), none = wasm_f32x4_splat(0);
  for (int b = 0; b < count; b += 4) {
    const float *p = values + b;
    v128_t h = whole ? none : wasm_v128_load(p), l = h;
    for (int k = 0; k < block; k++) {
      v128_t v = wasm_v128_load(p + k * pitch);
      h = wasm_f32x4_pmax(h, v);
      l = wasm_f32x4_pmin(l, v);
    }
    v128_t range = wasm_f32x4_sub(h, l);
    range = wasm_v128_bitselect(most, range, wasm_f32x4_eq(range, none));
    v128_t f = wasm_f32x4_pmin(wasm_f32x4_div(most, range), wasm_f32x4_splat(2e4f));
    v128_t z = wasm_f32x4_mul(wasm_f32x4_neg(l), f);
    for (int step = 0; step < steps; step++) {
      v128_t limit = wasm_f32x4_splat(limits[step]), largest = none;
      v128_t errorLow = none, errorHigh = none, sumLow = none, sumHigh = none;
      for (int k = 0; k < block; k++) {
        v128_t w = wasm_v128_load(p + k * pitch);
        v128_t product = wasm_f32x4_mul(w, f);
        v128_t t = wasm_f32x4_add(product, z);
        v128_t q = wasm_f32x4_nearest(wasm_f32x4_pmin(wasm_f32x4_pmax(t, none), most));
        v128_t d = wasm_f32x4_sub(w, wasm_f32x4_div(wasm_f32x4_sub(q, z), f));
        v128_t a = wasm_f32x4_abs(d);
        largest = wasm_f32x4_pmax(largest, a);
        errorLow = wasm_f64x2_add(errorLow, wasm_f64x2_promote_low_f32x4(a));
        errorHigh = wasm_f64x2_add(errorHigh, wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(a, a, 1, 0)));
        if (wasm_v128_any_true(wasm_f32x4_gt(a, limit))) {
          float x[4], y[4], c[4], e[4], g[4];
          wasm_v128_store(x, w), wasm_v128_store(y, d), wasm_v128_store(c, product);
          wasm_v128_store(e, f), wasm_v128_store(g, a);
          for (int i = 0; i < 4; i++)
            if (g[i] > limits[step]) c[i] = outlier(x[i], y[i], e[i], weights[step]);
          product = wasm_v128_load(c);
        }
        v128_t rest = wasm_f32x4_sub(q, product);
        sumLow = wasm_f64x2_add(sumLow, wasm_f64x2_promote_low_f32x4(rest));
        sumHigh = wasm_f64x2_add(sumHigh, wasm_f64x2_promote_low_f32x4(wasm_i64x2_shuffle(rest, rest, 1, 0)));
      }
      v128_t number = wasm_f64x2_splat(block);
      v128_t low = wasm_f32x4_demote_f64x2_zero(wasm_f64x2_div(sumLow, number));
      v128_t high = wasm_f32x4_demote_f64x2_zero(wasm_f64x2_div(sumHigh, number));
      v128_t next = wasm_i64x2_shuffle(low, high, 0, 2);
      v128_t both = wasm_f64x2_add(errorLow, errorHigh);
      double error = wasm_f64x2_extract_lane(both, 0) + wasm_f64x2_extract_lane(both, 1);
      errors[step] += error;
      /* Where no error is left over at any further step, an unmoved zero point stays where it is. */
      v128_t stays = wasm_v128_and(wasm_f32x4_eq(next, z),
                                   wasm_f32x4_le(largest, wasm_f32x4_splat(limits[STEPS - 1])));
      z = next;
      if (wasm_i32x4_all_true(stays)) {
        while (++step < steps) errors[step] += error;
        break;
      }
    }
    wasm_v128_store(inverse + b, f);
    wasm_v128_store(zero + b, z);
  }
}
