// TVM's runtime as WebLLM 0.2.86 uses it, in one translation unit so that everything unused can be dropped. The sources
// come from the apache-tvm and apache-tvm-ffi wheels; the ones left out serve RPC, files, threads, CPU sampling and the
// paged KV cache.
#include "3rdparty/tvm-ffi/src/ffi/container.cc"
#include "3rdparty/tvm-ffi/src/ffi/custom_allocator.cc"
#include "3rdparty/tvm-ffi/src/ffi/dtype.cc"
#include "3rdparty/tvm-ffi/src/ffi/error.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/env_c_api.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/env_context.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/json_parser.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/json_writer.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/library_module.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/library_module_system_lib.cc"
#include "3rdparty/tvm-ffi/src/ffi/extra/module.cc"
#include "3rdparty/tvm-ffi/src/ffi/function.cc"
#include "3rdparty/tvm-ffi/src/ffi/init_once.cc"
#include "3rdparty/tvm-ffi/src/ffi/object.cc"
#include "3rdparty/tvm-ffi/src/ffi/tensor.cc"
#include "src/runtime/cpu_device_api.cc"
#include "src/runtime/device_api.cc"
#include "src/runtime/memory/memory_manager.cc"
#include "src/runtime/tensor.cc"
#include "src/runtime/vm/builtin.cc"
#include "src/runtime/vm/bytecode.cc"
#include "src/runtime/vm/executable.cc"
#include "src/runtime/vm/tensor_cache_support.cc"
#include "src/runtime/vm/vm.cc"
#include "src/runtime/workspace_pool.cc"
#include "web/emcc/webgpu_runtime.cc"

// Ours.
#include "kv_cache.cc"
#include "platform.cc"

namespace tvm {
namespace runtime {

// Small helpers that WebLLM's JavaScript looks up by name, as TVM's own web runtime defines them.
TVM_FFI_STATIC_INIT_BLOCK() {
  ffi::reflection::GlobalDef()
      .def("tvmjs.array.decode_storage",
           [](Tensor tensor, TVMFFIByteArray* bytes, ffi::String format, ffi::String dtype) {
             TVM_FFI_ICHECK(format != "f32-to-bf16") << "this library's weights are stored raw";
             tensor.CopyFromBytes(bytes->data, bytes->size);
           })
      .def_packed("tvmjs.runtime.ArrayConcat",
                  [](ffi::PackedArgs args, ffi::Any* result) {
                    ffi::Array<ffi::Any> all;
                    for (int i = 0; i < args.size(); ++i) {
                      for (const ffi::Any& item : args[i].cast<ffi::Array<ffi::Any>>()) all.push_back(item);
                    }
                    *result = all;
                  })
      .def_packed("tvmjs.runtime.ConcatEmbeddings",
                  [](ffi::PackedArgs, ffi::Any*) { TVM_FFI_THROW(RuntimeError) << "this model reads text only"; })
      .def("tvmjs.runtime.TensorCopyFromBytes",
           [](Tensor tensor, TVMFFIByteArray* bytes) { tensor.CopyFromBytes(bytes->data, bytes->size); })
      .def("tvmjs.runtime.TensorCopyToBytes", [](Tensor tensor) {
        std::string bytes(ffi::GetDataSize(*tensor.operator->()), '\0');
        tensor.CopyToBytes(bytes.data(), bytes.size());
        return ffi::Bytes(std::move(bytes));
      });
}

}  // namespace runtime
}  // namespace tvm
