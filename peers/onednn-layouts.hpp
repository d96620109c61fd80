// Short names for oneDNN's things, and how values get from one layout into another.
#pragma once
#include <dnnl.hpp>

#include <functional>
#include <unordered_map>
#include <vector>

#if DNNL_VERSION_MAJOR != 2
#error "this is written for oneDNN 2"
#endif

using namespace dnnl;
using Desc = memory::desc;
using Dims = memory::dims;
using Tag = memory::format_tag;
using Steps = std::vector<std::function<void()>>;

inline const engine cpu(engine::kind::cpu, 0);
inline stream queue(cpu);

inline Desc desc(const Dims &dims, Tag tag) { return Desc(dims, memory::data_type::f32, tag); }
inline float *floats(const memory &values) { return static_cast<float *>(values.get_data_handle()); }
inline size_t count(const memory &values) { return values.get_desc().get_size() / sizeof(float); }

inline void execute(const Steps &steps) {
  for (const auto &step : steps) step();
  queue.wait();
}

inline void add(Steps &steps, const primitive &run, const std::unordered_map<int, memory> &arguments) {
  steps.push_back([=] { run.execute(queue, arguments); });
}

/** The values in another layout, brought there by a step of `steps` unless they are in it already. */
inline memory in_layout(Steps &steps, const memory &values, const Desc &layout) {
  if (values.get_desc() == layout) return values;
  const memory result(layout, cpu);
  add(steps, reorder(values, result), {{DNNL_ARG_FROM, values}, {DNNL_ARG_TO, result}});
  return result;
}

inline memory in_layout_now(const memory &values, const Desc &layout) {
  Steps steps;
  const memory result = in_layout(steps, values, layout);
  execute(steps);
  return result;
}
