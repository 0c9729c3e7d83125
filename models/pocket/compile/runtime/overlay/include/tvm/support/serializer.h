// How TVM puts values into a byte stream: little-endian, numbers and enums raw, containers as a 64-bit count and the
// elements, classes by their own Save and Load. WebAssembly is little-endian, so numbers are copied as they lie.
#ifndef TVM_SUPPORT_SERIALIZER_H_
#define TVM_SUPPORT_SERIALIZER_H_

#include <dlpack/dlpack.h>
#include <tvm/ffi/container/array.h>
#include <tvm/ffi/container/map.h>
#include <tvm/ffi/string.h>
#include <tvm/support/io.h>

#include <cstdint>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tvm {
namespace support {

// Classes: value.Save(stream), value.Load(stream).
template <typename T, typename>
struct Serializer {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const T& value) { value.Save(stream); }
  static bool Read(Stream* stream, T* value) { return value->Load(stream); }
};

template <typename T>
struct RawSerializer {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const T& value) { stream->Write(&value, sizeof(T)); }
  static bool Read(Stream* stream, T* value) { return stream->Read(value, sizeof(T)) == sizeof(T); }
};

template <typename T>
struct Serializer<T, std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>>> : RawSerializer<T> {};
template <>
struct Serializer<DLDataType> : RawSerializer<DLDataType> {};
template <>
struct Serializer<DLDevice> : RawSerializer<DLDevice> {};
static_assert(sizeof(DLDataType) == 4 && sizeof(DLDevice) == 8, "the stream format has no padding");

template <>
struct Serializer<std::string> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::string& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    stream->Write(value.data(), value.size());
  }
  static bool Read(Stream* stream, std::string* value) {
    uint64_t size;
    if (!stream->Read(&size)) return false;
    value->resize(static_cast<size_t>(size));
    return stream->Read(value->data(), value->size()) == value->size();
  }
};

template <>
struct Serializer<ffi::String> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::String& value) { stream->Write(std::string(value)); }
  static bool Read(Stream* stream, ffi::String* value) {
    std::string text;
    if (!stream->Read(&text)) return false;
    *value = ffi::String(std::move(text));
    return true;
  }
};

template <typename T>
struct Serializer<std::vector<T>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::vector<T>& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    stream->WriteArray(value.data(), value.size());
  }
  static bool Read(Stream* stream, std::vector<T>* value) {
    uint64_t size;
    if (!stream->Read(&size)) return false;
    value->resize(static_cast<size_t>(size));
    return stream->ReadArray(value->data(), value->size());
  }
};

template <typename T>
struct Serializer<ffi::Array<T>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::Array<T>& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    for (const T& item : value) Serializer<T>::Write(stream, item);
  }
  static bool Read(Stream* stream, ffi::Array<T>* value) {
    uint64_t size;
    if (!stream->Read(&size)) return false;
    ffi::Array<T> result;
    for (uint64_t i = 0; i < size; ++i) {
      T item{};
      if (!Serializer<T>::Read(stream, &item)) return false;
      result.push_back(std::move(item));
    }
    *value = std::move(result);
    return true;
  }
};

template <typename K, typename V>
struct Serializer<std::unordered_map<K, V>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const std::unordered_map<K, V>& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    for (const auto& [key, item] : value) {
      stream->Write(key);
      stream->Write(item);
    }
  }
  static bool Read(Stream* stream, std::unordered_map<K, V>* value) {
    uint64_t size;
    if (!stream->Read(&size)) return false;
    for (uint64_t i = 0; i < size; ++i) {
      K key{};
      V item{};
      if (!stream->Read(&key) || !stream->Read(&item)) return false;
      value->emplace(std::move(key), std::move(item));
    }
    return true;
  }
};

template <typename V>
struct Serializer<ffi::Map<ffi::String, V>> {
  static constexpr bool enabled = true;
  static void Write(Stream* stream, const ffi::Map<ffi::String, V>& value) {
    stream->Write(static_cast<uint64_t>(value.size()));
    for (const auto& [key, item] : value) {
      Serializer<ffi::String>::Write(stream, key);
      Serializer<V>::Write(stream, item);
    }
  }
  static bool Read(Stream* stream, ffi::Map<ffi::String, V>* value) {
    uint64_t size;
    if (!stream->Read(&size)) return false;
    for (uint64_t i = 0; i < size; ++i) {
      ffi::String key;
      V item{ffi::UnsafeInit{}};
      if (!Serializer<ffi::String>::Read(stream, &key) || !Serializer<V>::Read(stream, &item)) return false;
      value->Set(key, item);
    }
    return true;
  }
};

}  // namespace support
}  // namespace tvm

#endif  // TVM_SUPPORT_SERIALIZER_H_
