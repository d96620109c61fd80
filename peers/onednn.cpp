// A network of convmark's on oneDNN, built and run by onednn.mjs: onednn direct|winograd <pass> <threads> <network>;
// native.mjs has the rest. With winograd each convolution takes oneDNN's own where it has one for it. Layouts inside are those that oneDNN's primitives choose. Parameters and images are brought into them before
// anything is timed, and results are brought out of them after, so that is not in the time.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <sstream>
#include <string>

#include "onednn-layouts.hpp"
#include "onednn-lrn.hpp"

void read_into(const memory &values) {
  if (std::fread(floats(values), sizeof(float), count(values), stdin) != count(values)) std::exit(1);
}

memory read(const Desc &layout) {
  const memory values(layout, cpu);
  read_into(values);
  return values;
}

/** As native.mjs has it: how many bytes, then the bytes. */
void answer(const void *data, uint32_t byte_length) {
  std::fwrite(&byte_length, sizeof byte_length, 1, stdout);
  std::fwrite(data, 1, byte_length, stdout);
  std::fflush(stdout);
}

/** What is padded before and after, of height and width each. */
struct Padding {
  explicit Padding(std::istream &numbers) : before(2), after(2) {
    numbers >> before[0] >> before[1] >> after[0] >> after[1];
  }

  /** How many windows an axis of (N, C, H, W) has. */
  memory::dim outputs(const Dims &in, int axis, memory::dim size, memory::dim stride) const {
    return (in[axis] + before[axis - 2] + after[axis - 2] - size) / stride + 1;
  }

  Dims before, after;
};

class Network {
 public:
  Network(const std::string &text, bool is_training, bool with_winograd)
      : is_training_(is_training), with_winograd_(with_winograd) {
    std::istringstream lines(text);
    memory::dim batch, height, width, channels;
    lines >> batch >> height >> width >> channels;
    images_ = memory(desc({batch, channels, height, width}, Tag::nhwc), cpu);
    activation_ = images_;
    for (std::string kind; lines >> kind;) {
      if (kind == "conv") add_convolution(lines);
      else if (kind == "lrn") add_lrn(lines);
      else if (kind == "relu") add_relu();
      else if (kind == "max-pool") add_pooling(lines);
      // Dropout is off in forward, and forward-backward has none: its tensor is its input's.
      activations_.push_back(activation_);
    }
    if (!is_training_) return;
    // The gradient of sum(output^2)/2 is the output.
    gradient_ = activation_;
    for (auto layer = layers_backward_.rbegin(); layer != layers_backward_.rend(); ++layer) (*layer)();
  }

  void set_images() {
    read_into(images_);
    execute(images_into_layouts_);
  }

  double run_ms() {
    const auto start = std::chrono::steady_clock::now();
    execute(forward_);
    if (is_training_) {
      double sum = 0;
      for (size_t i = 0; i < count(activation_); i++) sum += double(floats(activation_)[i]) * floats(activation_)[i];
      loss_ = float(sum / 2);
      execute(backward_);
    }
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }

  std::vector<float> results() const {
    std::vector<float> all;
    const auto append = [&](const memory &values, Tag tag) {
      const memory plain = in_layout_now(values, desc(values.get_desc().dims(), tag));
      all.insert(all.end(), floats(plain), floats(plain) + count(plain));
    };
    append(activation_, Tag::nhwc);
    if (!is_training_) return all;
    // Going backward, the last layer's came first.
    for (auto layer = parameter_gradients_.rbegin(); layer != parameter_gradients_.rend(); ++layer) {
      append(layer->weights, Tag::hwio);
      append(layer->biases, Tag::x);
    }
    all.push_back(loss_);
    return all;
  }

  /** Of these images, every layer's outputs, by a forward of its own: the last run may have had other images. */
  std::vector<float> activations(const std::vector<size_t> &images) {
    execute(forward_);
    std::vector<float> all;
    for (const memory &values : activations_) {
      const Dims dims = values.get_desc().dims();
      const memory plain = in_layout_now(values, desc(dims, Tag::nhwc));
      const size_t length = count(plain) / dims[0];
      for (const size_t image : images) all.insert(all.end(), floats(plain) + image * length, floats(plain) + (image + 1) * length);
    }
    return all;
  }

  const std::string &implementations() const { return implementations_; }

 private:
  struct ParameterGradients {
    memory weights, biases;
  };

  prop_kind kind() const { return is_training_ ? prop_kind::forward_training : prop_kind::forward_inference; }

  bool is_images(const memory &values) const { return values.get() == images_.get(); }

  /** Images get into a layout once, before all runs; other activations in the run. */
  memory input_in_layout(Steps &steps, const memory &input, const Desc &layout) {
    return in_layout(is_images(input) ? images_into_layouts_ : steps, input, layout);
  }

  /** What `make` makes with oneDNN's own Winograd if that is wanted and there is one, or else with its direct code. */
  template <typename Make>
  auto with_algorithm(const Make &make) const {
    if (with_winograd_) {
      try {
        return make(algorithm::convolution_winograd);
      } catch (const error &none) {
        if (none.status != dnnl_unimplemented) throw;
      }
    }
    return make(algorithm::convolution_direct);
  }

  /** Remembers which code oneDNN chose. */
  void note(const std::string &implementation) {
    if (implementations_.find(implementation) == std::string::npos) implementations_ += " " + implementation;
  }

  void add_convolution(std::istream &numbers) {
    memory::dim filters, size, stride;
    bool with_relu;
    numbers >> filters >> size >> stride;
    const Padding pads(numbers);
    numbers >> with_relu;
    const memory input = activation_;
    const Dims in = input.get_desc().dims(), strides{stride, stride};
    const auto extent = [&](int axis) { return pads.outputs(in, axis, size, stride); };
    const Dims filter_dims{filters, in[1], size, size}, out{in[0], filters, extent(2), extent(3)};
    const memory weights = read(desc(filter_dims, Tag::hwio));
    const memory biases = read(desc({filters}, Tag::x));
    const Desc any_source = desc(in, Tag::any), any_filter = desc(filter_dims, Tag::any);
    const Desc any_result = desc(out, Tag::any), bias = biases.get_desc();

    post_ops after;
    if (with_relu) after.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    primitive_attr attributes;
    attributes.set_post_ops(after);
    const auto forward = with_algorithm([&](algorithm by) {
      return convolution_forward::primitive_desc(
          {kind(), by, any_source, any_filter, bias, any_result, strides, pads.before, pads.after}, attributes, cpu);
    });
    note(forward.impl_info_str());
    const memory output(forward.dst_desc(), cpu);
    add(forward_, convolution_forward(forward),
        {{DNNL_ARG_SRC, input_in_layout(forward_, input, forward.src_desc())},
         {DNNL_ARG_WEIGHTS, in_layout_now(weights, forward.weights_desc())},
         {DNNL_ARG_BIAS, biases},
         {DNNL_ARG_DST, output}});
    activation_ = output;
    if (!is_training_) return;

    layers_backward_.push_back([=, this] {
      if (with_relu) add_relu_backward(output);

      // Each pass takes what it has: its hint is a forward of the same algorithm.
      const auto hint = [=, this](algorithm by) {
        return convolution_forward::primitive_desc(
            {kind(), by, any_source, any_filter, bias, any_result, strides, pads.before, pads.after}, cpu);
      };
      const auto by_weights = with_algorithm([&](algorithm by) {
        return convolution_backward_weights::primitive_desc(
            {by, any_source, any_filter, bias, any_result, strides, pads.before, pads.after}, cpu, hint(by));
      });
      note(by_weights.impl_info_str());
      const ParameterGradients gradients{{by_weights.diff_weights_desc(), cpu}, {bias, cpu}};
      add(backward_, convolution_backward_weights(by_weights),
          {{DNNL_ARG_SRC, input_in_layout(backward_, input, by_weights.src_desc())},
           {DNNL_ARG_DIFF_DST, in_layout(backward_, gradient_, by_weights.diff_dst_desc())},
           {DNNL_ARG_DIFF_WEIGHTS, gradients.weights},
           {DNNL_ARG_DIFF_BIAS, gradients.biases}});
      parameter_gradients_.push_back(gradients);
      if (is_images(input)) return;

      const auto by_data = with_algorithm([&](algorithm by) {
        return convolution_backward_data::primitive_desc(
            {by, any_source, any_filter, any_result, strides, pads.before, pads.after}, cpu, hint(by));
      });
      note(by_data.impl_info_str());
      const memory input_gradient(by_data.diff_src_desc(), cpu);
      add(backward_, convolution_backward_data(by_data),
          {{DNNL_ARG_DIFF_DST, in_layout(backward_, gradient_, by_data.diff_dst_desc())},
           {DNNL_ARG_WEIGHTS, in_layout_now(weights, by_data.weights_desc())},
           {DNNL_ARG_DIFF_SRC, input_gradient}});
      gradient_ = input_gradient;
    });
  }

  /** Only where ReLU's output is over 0 does the gradient pass. */
  void add_relu_backward(const memory &output) {
    const Desc data = output.get_desc();
    gradient_ = in_layout(backward_, gradient_, data);
    const eltwise_forward::primitive_desc forward(relu(data), cpu);
    const eltwise_backward::primitive_desc backward(
        {algorithm::eltwise_relu_use_dst_for_bwd, data, data, 0.0f}, cpu, forward);
    add(backward_, eltwise_backward(backward),
        {{DNNL_ARG_DST, output}, {DNNL_ARG_DIFF_DST, gradient_}, {DNNL_ARG_DIFF_SRC, gradient_}});
  }

  static eltwise_forward::desc relu(const Desc &data) {
    return {prop_kind::forward_training, algorithm::eltwise_relu, data, 0.0f};
  }

  void add_relu() {
    const memory input = activation_, output(input.get_desc(), cpu);
    add(forward_, eltwise_forward({relu(input.get_desc()), cpu}), {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, output}});
    activation_ = output;
    if (is_training_) layers_backward_.push_back([=, this] { add_relu_backward(output); });
  }

  void add_lrn(std::istream &numbers) {
    const Lrn lrn(numbers);
    const memory input = activation_, output(input.get_desc(), cpu);
    const lrn_forward::primitive_desc primitive = lrn.primitive(input.get_desc());
    const std::string implementation = primitive.impl_info_str();
    if (implementation.find("jit") != std::string::npos) {
      note(implementation);
      add(forward_, lrn_forward(primitive), {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, output}});
    } else {
      note("lrn_by_hand");
      forward_.push_back([=] { lrn.forward(input, output); });
    }
    activation_ = output;
    if (!is_training_) return;

    layers_backward_.push_back([=, this] {
      const memory output_gradient = in_layout(backward_, gradient_, output.get_desc());
      const memory input_gradient(input.get_desc(), cpu);
      backward_.push_back([=] { lrn.backward(input, output_gradient, input_gradient); });
      gradient_ = input_gradient;
    });
  }

  void add_pooling(std::istream &numbers) {
    memory::dim size, stride;
    numbers >> size >> stride;
    const Padding pads(numbers);
    const memory input = activation_;
    const Desc data = input.get_desc();
    const Dims in = data.dims(), sizes{size, size}, strides{stride, stride};
    const auto extent = [&](int axis) { return pads.outputs(in, axis, size, stride); };
    const Desc any_result = desc({in[0], in[1], extent(2), extent(3)}, Tag::any);
    const auto max = algorithm::pooling_max;
    const pooling_forward::primitive_desc forward(
        {kind(), max, data, any_result, strides, sizes, pads.before, pads.after}, cpu);
    note(forward.impl_info_str());
    const memory output(forward.dst_desc(), cpu), workspace(forward.workspace_desc(), cpu);
    add(forward_, pooling_forward(forward),
        {{DNNL_ARG_SRC, input}, {DNNL_ARG_DST, output}, {DNNL_ARG_WORKSPACE, workspace}});
    activation_ = output;
    if (!is_training_) return;

    layers_backward_.push_back([=, this] {
      const Desc result = output.get_desc();
      const pooling_backward::primitive_desc backward(
          {max, data, result, strides, sizes, pads.before, pads.after}, cpu, forward);
      const memory input_gradient(data, cpu);
      add(backward_, pooling_backward(backward),
          {{DNNL_ARG_DIFF_DST, in_layout(backward_, gradient_, result)},
           {DNNL_ARG_WORKSPACE, workspace},
           {DNNL_ARG_DIFF_SRC, input_gradient}});
      gradient_ = input_gradient;
    });
  }

  const bool is_training_, with_winograd_;
  memory images_;
  Steps images_into_layouts_, forward_, backward_;
  /** While the network is built: what the next layer reads; going backward, the gradient of what it wrote. */
  memory activation_, gradient_;
  /** Every layer's outputs. */
  std::vector<memory> activations_;
  std::vector<std::function<void()>> layers_backward_;
  std::vector<ParameterGradients> parameter_gradients_;
  float loss_ = 0;
  std::string implementations_;
};

int main(int, char **arguments) {
  const std::string algorithm_name(arguments[1]), pass(arguments[2]);
  Network network(arguments[4], pass == "forward-backward", algorithm_name == "winograd");
  const dnnl_version_t &version = *dnnl_version();
  std::ostringstream about;
  about << "{\"version\": \"" << version.major << '.' << version.minor << '.' << version.patch << "\", \"detail\": \""
        << network.implementations().substr(1) << "\"}";
  answer(about.str().data(), about.str().size());
  for (char line[64]; std::fgets(line, sizeof line, stdin);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "images") {
      network.set_images();
      answer("", 0);
    } else if (command == "run") {
      const double ms = network.run_ms();
      answer(&ms, sizeof ms);
    } else if (command == "processor") {
      const double ms = 1000.0 * std::clock() / CLOCKS_PER_SEC;  // of all threads, by POSIX
      answer(&ms, sizeof ms);
    } else if (command == "activations") {
      std::vector<size_t> images;
      for (size_t image; words >> image;) images.push_back(image);
      const std::vector<float> activations = network.activations(images);
      answer(activations.data(), activations.size() * sizeof(float));
    } else {
      const std::vector<float> results = network.results();
      answer(results.data(), results.size() * sizeof(float));
    }
  }
}
