// Local response normalisation across channels. Backward by hand, and forward too where oneDNN has no fast code. For our
// window of 9 it has in NHWC on AVX-512 alone, and in training its convolutions choose other layouts: there its plain code
// took twice the time of all other layers together.
#pragma once
#include <algorithm>
#include <cmath>
#include <istream>
#include <stdexcept>

#include "onednn-layouts.hpp"

/** Where a pixel's channels are: runs of them side by side, a run some way after the other. */
class Pixels {
 public:
  explicit Pixels(const Desc &desc)
      : blocking_(desc.data.format_desc.blocking), batch_(desc.dims()[0]), channels_(desc.data.padded_dims[1]),
        height_(desc.dims()[2]), width_(desc.dims()[3]) {
    const bool is_blocked = blocking_.inner_nblks > 0;
    run_ = is_blocked ? blocking_.inner_blks[0] : blocking_.strides[1] == 1 ? channels_ : 1;
    run_stride_ = is_blocked || run_ == 1 ? blocking_.strides[1] : channels_;
  }

  size_t count() const { return batch_ * height_ * width_; }

  /** With the zeros that fill up the last run. */
  size_t channels() const { return channels_; }

  void load(const memory &from, size_t pixel, float *values) const {
    const float *first = floats(from) + offset(pixel);
    for (size_t c = 0; c < channels_; c += run_, first += run_stride_) std::copy_n(first, run_, values + c);
  }

  void store(const float *values, const memory &to, size_t pixel) const {
    float *first = floats(to) + offset(pixel);
    for (size_t c = 0; c < channels_; c += run_, first += run_stride_) std::copy_n(values + c, run_, first);
  }

 private:
  size_t offset(size_t pixel) const {
    const auto *strides = blocking_.strides;
    const size_t image = pixel / (height_ * width_), y = pixel / width_ % height_, x = pixel % width_;
    return image * strides[0] + y * strides[2] + x * strides[3];
  }

  dnnl_blocking_desc_t blocking_;
  size_t batch_, channels_, height_, width_, run_, run_stride_;
};

class Lrn {
 public:
  explicit Lrn(std::istream &numbers) {
    float beta;
    numbers >> size_ >> alpha_ >> beta >> bias_;
    if (beta != BETA) throw std::invalid_argument("LRN's beta must be 0.75");
  }

  lrn_forward::primitive_desc primitive(const Desc &data) const {
    const auto across = algorithm::lrn_across_channels;
    return {{prop_kind::forward_inference, across, data, memory::dim(size_), alpha_, BETA, bias_}, cpu};
  }

  void forward(const memory &input, const memory &output) const {
    const Pixels pixels(input.get_desc());
#pragma omp parallel
    {
      Row x(pixels), scale(pixels), squares(pixels, size_ / 2);
#pragma omp for
      for (size_t pixel = 0; pixel < pixels.count(); pixel++) {
        pixels.load(input, pixel, x.values);
        set_scale(x, squares, scale);
#pragma omp simd
        for (size_t c = 0; c < x.count; c++) x.values[c] *= to_minus_beta(scale.values[c]);
        pixels.store(x.values, output, pixel);
      }
    }
  }

  /** dx = dy scale^-beta - 2 alpha beta x * sum over the window of dy x scale^(-beta-1). */
  void backward(const memory &input, const memory &output_gradient, const memory &input_gradient) const {
    const Pixels pixels(input.get_desc());
    const float factor = 2 * alpha_ / size_ * BETA;
#pragma omp parallel
    {
      Row x(pixels), dy(pixels), scale(pixels), sums(pixels), squares(pixels, size_ / 2), products(pixels, size_ / 2);
#pragma omp for
      for (size_t pixel = 0; pixel < pixels.count(); pixel++) {
        pixels.load(input, pixel, x.values);
        pixels.load(output_gradient, pixel, dy.values);
        set_scale(x, squares, scale);
#pragma omp simd
        for (size_t c = 0; c < x.count; c++) {
          dy.values[c] *= to_minus_beta(scale.values[c]);
          products.values[c] = dy.values[c] * x.values[c] / scale.values[c];
        }
        set_window_sums(products, sums);
#pragma omp simd
        for (size_t c = 0; c < x.count; c++) dy.values[c] -= factor * x.values[c] * sums.values[c];
        pixels.store(dy.values, input_gradient, pixel);
      }
    }
  }

 private:
  /** A pixel's channels, with zeros before and after for the windows that reach over the edge. */
  struct Row {
    explicit Row(const Pixels &pixels, size_t margin = 0)
        : count(pixels.channels()), storage(count + 2 * margin), values(storage.data() + margin) {}
    size_t count;
    std::vector<float> storage;
    float *values;
  };

  static float to_minus_beta(float scale) { return 1 / (std::sqrt(scale) * std::sqrt(std::sqrt(scale))); }

  void set_window_sums(const Row &row, Row &sums) const {
    std::fill_n(sums.values, sums.count, 0.0f);
    for (size_t i = 0; i < size_; i++) {
      const float *shifted = row.storage.data() + i;
#pragma omp simd
      for (size_t c = 0; c < row.count; c++) sums.values[c] += shifted[c];
    }
  }

  void set_scale(const Row &x, Row &squares, Row &scale) const {
    const float factor = alpha_ / size_, bias = bias_;
#pragma omp simd
    for (size_t c = 0; c < x.count; c++) squares.values[c] = x.values[c] * x.values[c];
    set_window_sums(squares, scale);
#pragma omp simd
    for (size_t c = 0; c < x.count; c++) scale.values[c] = bias + factor * scale.values[c];
  }

  // Square roots make it, which are faster than pow.
  static constexpr float BETA = 0.75f;
  size_t size_;
  float alpha_, bias_;
};
