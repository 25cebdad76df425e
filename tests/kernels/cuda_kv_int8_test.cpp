// SPDX-License-Identifier: Apache-2.0
// Keys and values in 8 bits on CUDA: the reference's, to the last bit.
#include "tests/kernels/device_array.h"
#include "tests/kernels/kv_int8_case.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class CudaKvInt8Test : public testing::Test {
  protected:
    void SetUp() override {
        if (!have_gpu()) GTEST_SKIP() << "no GPU";
    }
};
using Types = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(CudaKvInt8Test, Types);

TYPED_TEST(CudaKvInt8Test, EqualsItsReferenceToTheLastBit) {
    using T = TypeParam;
    constexpr ElementType kType = element_type_of<T>();
    for (const auto& c :
         {KvInt8Case<T>(1, 1, 1), KvInt8Case<T>(3, 5, 2), KvInt8Case<T>(7, 12, 3)}) {
        auto q = poisoned<int8_t>(c.count());
        auto scale = poisoned<float>(c.tiles());
        auto back = poisoned<T>(c.count());
        quantize_kv_cpu({c.x.data(), q.data(), scale.data(), c.windows, c.heads, kType});
        dequantize_kv_cpu({q.data(), scale.data(), back.data(), c.windows, c.heads, kType});

        const DeviceArray<T> x(c.x);
        const DeviceArray<int8_t> device_q(c.count());
        const DeviceArray<float> device_scale(c.tiles());
        const DeviceArray<T> device_back(c.count());
        quantize_kv_cuda({x.get(), device_q.get(), device_scale.get(), c.windows, c.heads, kType},
                         nullptr);
        dequantize_kv_cuda(
            {device_q.get(), device_scale.get(), device_back.get(), c.windows, c.heads, kType},
            nullptr);
        EXPECT_EQ(device_q.download(), q);
        EXPECT_EQ(device_scale.download(), scale);
        EXPECT_EQ(to_floats(device_back.download()), to_floats(back));
    }
}

}  // namespace
}  // namespace flashvsr::kernels
