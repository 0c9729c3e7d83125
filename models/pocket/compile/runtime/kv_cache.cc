// The key/value cache of one conversation: what WebLLM calls a KV state, reduced to what it uses.
//
// WebLLM's web runtime always holds one sequence, so pages, forks and batches have no use here. Keys and values lie in
// one plain buffer per layer, and three GPU kernels compiled with the model do the work: one rotates the queries and
// keys and stores keys and values, one attends to stretches of the cache, one joins the stretches.
#include <tvm/ffi/container/shape.h>
#include <tvm/ffi/function.h>
#include <tvm/ffi/reflection/registry.h>
#include <tvm/runtime/tensor.h>

#include <utility>
#include <vector>

namespace browserllm {

using tvm::ffi::Function;
using tvm::ffi::Shape;
using tvm::runtime::Tensor;

class KVCacheObj : public tvm::ffi::Object {
 public:
  KVCacheObj(int64_t capacity, int64_t stretch, int64_t parts, int64_t layers, int64_t kv_heads, int64_t head_dim,
             Function append, Function attend, Function merge)
      : capacity_(capacity),
        stretch_(stretch),
        append_(std::move(append)),
        attend_(std::move(attend)),
        merge_(std::move(merge)) {
    const DLDevice gpu{kDLWebGPU, 0};
    const DLDataType f32{kDLFloat, 32, 1};
    parts_ = Tensor::Empty(Shape({parts}), f32, gpu);
    for (int64_t i = 0; i < layers; ++i) {
      keys_.push_back(Tensor::Empty(Shape({capacity, kv_heads, head_dim}), f32, gpu));
      values_.push_back(Tensor::Empty(Shape({capacity, kv_heads, head_dim}), f32, gpu));
    }
  }

  void Clear() { filled_ = incoming_ = 0; }
  void AddSequence(int64_t sequence) { CheckSequence(sequence); }
  void RemoveSequence(int64_t sequence) {
    CheckSequence(sequence);
    Clear();
  }
  void PopN(int64_t sequence, int64_t count) {
    CheckSequence(sequence);
    TVM_FFI_ICHECK_LE(count, filled_) << "more positions to drop than the cache holds";
    filled_ -= count;
  }
  int64_t SequenceLength(int64_t sequence) {
    CheckSequence(sequence);
    return filled_;
  }

  void BeginForward(const Shape& sequences, const Shape& lengths) {
    TVM_FFI_ICHECK(sequences.size() == 1 && lengths.size() == 1) << "this cache holds one sequence";
    CheckSequence(sequences[0]);
    TVM_FFI_ICHECK_LE(filled_ + lengths[0], capacity_) << "the context window is full";
    incoming_ = lengths[0];
  }
  void EndForward() {
    filled_ += incoming_;
    incoming_ = 0;
  }

  // qkv: [n, heads + 2 * kv_heads, head_dim], overwritten in part; output: [n, heads, head_dim].
  void Attention(int64_t layer, Tensor qkv, Tensor output) {
    // One query alone is spread over many short stretches of keys; a prompt has queries enough to keep a GPU busy.
    const int64_t rows = qkv->shape[0], total = filled_ + rows;
    const int64_t stretch = rows == 1 ? stretch_ : total;
    const Shape shape({(total + stretch - 1) / stretch, rows, output->shape[1], output->shape[2] + 2});
    Tensor parts = parts_.CreateView(shape, qkv->dtype);
    append_(qkv, keys_[layer], values_[layer], filled_);
    attend_(qkv, keys_[layer], values_[layer], parts, filled_, stretch);
    merge_(parts, output);
  }

  static constexpr bool _type_mutable = true;
  TVM_FFI_DECLARE_OBJECT_INFO_FINAL("browserllm.KVCache", KVCacheObj, tvm::ffi::Object);

 private:
  void CheckSequence(int64_t sequence) { TVM_FFI_ICHECK_EQ(sequence, 0) << "this cache holds one sequence"; }

  int64_t capacity_;
  int64_t stretch_;
  int64_t filled_ = 0;
  int64_t incoming_ = 0;
  Function append_;
  Function attend_;
  Function merge_;
  Tensor parts_;
  std::vector<Tensor> keys_;
  std::vector<Tensor> values_;
};

class KVCache : public tvm::ffi::ObjectRef {
 public:
  TVM_FFI_DEFINE_OBJECT_REF_METHODS_NULLABLE(KVCache, tvm::ffi::ObjectRef, KVCacheObj);
};

namespace {

// WebLLM asks for these global functions when it starts, and then samples on the GPU with the model's own kernels.
void NotUsed(tvm::ffi::PackedArgs, tvm::ffi::Any*) {
  TVM_FFI_THROW(RuntimeError) << "this model library samples on the GPU only";
}

TVM_FFI_STATIC_INIT_BLOCK() {
  tvm::ffi::reflection::GlobalDef()
      .def("browserllm.kv_cache_create",
           [](int64_t wanted, int64_t capacity, int64_t stretch, int64_t parts, int64_t layers, int64_t kv_heads,
              int64_t head_dim, Function append, Function attend, Function merge) {
             // The kernels are compiled for this many positions; the page's configuration may ask for fewer.
             TVM_FFI_ICHECK_LE(wanted, capacity) << "context_window_size is larger than the model library's";
             return KVCache(tvm::ffi::make_object<KVCacheObj>(capacity, stretch, parts, layers, kv_heads, head_dim,
                                                              std::move(append), std::move(attend), std::move(merge)));
           })
      .def("browserllm.kv_cache_attention",
           [](KVCache cache, int64_t layer, Tensor qkv, Tensor output) { cache->Attention(layer, qkv, output); })
      .def_method("vm.builtin.kv_state_clear", &KVCacheObj::Clear)
      .def_method("vm.builtin.kv_state_add_sequence", &KVCacheObj::AddSequence)
      .def_method("vm.builtin.kv_state_remove_sequence", &KVCacheObj::RemoveSequence)
      .def_method("vm.builtin.kv_state_popn", &KVCacheObj::PopN)
      .def_method("vm.builtin.kv_state_begin_forward", &KVCacheObj::BeginForward)
      .def_method("vm.builtin.kv_state_end_forward", &KVCacheObj::EndForward)
      .def_method("vm.builtin.attention_kv_cache_get_sequence_length", &KVCacheObj::SequenceLength)
      .def_packed("vm.builtin.attention_kv_cache_enable_sliding_window_for_seq", NotUsed)
      .def_packed("vm.builtin.sample_top_p_from_logits", NotUsed)
      .def_packed("vm.builtin.sample_top_p_from_prob", NotUsed)
      .def_packed("vm.builtin.apply_repetition_penalty", NotUsed)
      .def_packed("vm.builtin.apply_presence_and_frequency_penalty", NotUsed)
      .def_packed("vm.builtin.apply_softmax_with_temperature", NotUsed);
}

}  // namespace
}  // namespace browserllm
