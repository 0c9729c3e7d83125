// Profiler ranges exist on CUDA only; here they do nothing.
#ifndef TVM_SUPPORT_CUDA_NVTX_H_
#define TVM_SUPPORT_CUDA_NVTX_H_

#include <string>

namespace tvm {
namespace support {
struct NVTXScopedRange {
  explicit NVTXScopedRange(const std::string&) {}
  explicit NVTXScopedRange(const char*) {}
};
}  // namespace support
}  // namespace tvm

#endif  // TVM_SUPPORT_CUDA_NVTX_H_
