// What TVM's runtime expects around itself, for a page that has neither files, threads nor C++ exceptions, and the four
// entry points through which WebLLM's JavaScript allocates memory, hands over functions and reads errors.
#include <tvm/ffi/c_api.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/extra/c_env_api.h>
#include <tvm/ffi/function.h>
#include <tvm/runtime/c_backend_api.h>
#include <tvm/runtime/logging.h>
#include <tvm/runtime/tensor.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#define EXPORT(name) __attribute__((export_name(#name), used))

namespace {
void WriteLine(std::string text) {
  text += '\n';
  write(STDERR_FILENO, text.data(), text.size());
}
}  // namespace

extern "C" {

// Given by WebLLM: calls a JavaScript function, frees the handle of one.
__attribute__((import_module("env"), import_name("TVMFFIWasmSafeCall"))) int TVMFFIWasmSafeCall(
    void* self, const TVMFFIAny* args, int32_t num_args, TVMFFIAny* result);
__attribute__((import_module("env"), import_name("TVMFFIWasmFunctionDeleter"))) void TVMFFIWasmFunctionDeleter(
    void* self);

EXPORT(TVMWasmAllocSpace) void* TVMWasmAllocSpace(int size) { return std::malloc((size + 7) / 8 * 8); }
EXPORT(TVMWasmFreeSpace) void TVMWasmFreeSpace(void* data) { std::free(data); }
EXPORT(TVMFFIWasmFunctionCreate) int TVMFFIWasmFunctionCreate(void* handle, TVMFFIObjectHandle* out) {
  return TVMFFIFunctionCreate(handle, TVMFFIWasmSafeCall, TVMFFIWasmFunctionDeleter, out);
}
EXPORT(TVMFFIWasmGetLastError) const char* TVMFFIWasmGetLastError() {
  static std::string last_error;
  last_error = tvm::ffi::details::MoveFromSafeCallRaised().what();
  return last_error.c_str();
}

// A C++ exception has been logged where it was thrown; here it ends the call as a WebAssembly trap.
void* __cxa_allocate_exception(size_t size) { return std::malloc(size); }
[[noreturn]] void __cxa_throw(void*, void*, void (*)(void*)) { __builtin_trap(); }
int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }
// The page has no file descriptors beyond the console: say so without asking it.
int32_t __imported_wasi_snapshot_preview1_fd_fdstat_get(int32_t, int32_t) { return 0; }

int TVMBackendParallelLaunch(FTVMParallelLambda task, void* data, int) {
  TVMParallelGroupEnv env;
  env.num_task = 1;
  return task(0, &env, data);
}
int TVMBackendParallelBarrier(int, TVMParallelGroupEnv*) { return 0; }

const TVMFFIByteArray* TVMFFIBacktrace(const char*, int, const char*, int) {
  static const TVMFFIByteArray none{"", 0};
  return &none;
}

}  // extern "C"

namespace tvm {
namespace runtime {
namespace detail {
[[noreturn]] void LogFatalImpl(const std::string&, int, const std::string& message) {
  WriteLine("[FATAL] " + message);
  __builtin_trap();
}
void LogMessageImpl(const std::string&, int, int, const std::string& message) { WriteLine(message); }
}  // namespace detail

// Files: none in a page.
void LoadBinaryFromFile(const std::string& path, std::string*) {
  TVM_FFI_THROW(RuntimeError) << "no files in a page: " << path;
}
void SaveBinaryToFile(const std::string& path, const std::string&) {
  TVM_FFI_THROW(RuntimeError) << "no files in a page: " << path;
}
}  // namespace runtime
}  // namespace tvm
