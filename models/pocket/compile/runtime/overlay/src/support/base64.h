// TVM stores a tensor inside JSON as base64. A WebLLM library never does, so these streams stop the program; they
// exist because the tensor source names them.
#ifndef TVM_SUPPORT_BASE64_H_
#define TVM_SUPPORT_BASE64_H_

#include <tvm/support/io.h>

namespace tvm {
namespace support {

class NoBase64Stream : public Stream {
 public:
  explicit NoBase64Stream(Stream*) {}
  using Stream::Read;
  using Stream::Write;
  size_t Read(void*, size_t) final { __builtin_trap(); }
  size_t Write(const void*, size_t) final { __builtin_trap(); }
  void InitPosition() {}
  void Finish() {}
};

using Base64InStream = NoBase64Stream;
using Base64OutStream = NoBase64Stream;

}  // namespace support
}  // namespace tvm

#endif  // TVM_SUPPORT_BASE64_H_
