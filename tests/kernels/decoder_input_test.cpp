// SPDX-License-Identifier: Apache-2.0
// The decoder's input on the CPU, against docs/model.md section 8 in double.
#include "kernels/decoder_input.h"

#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

constexpr int kLatents = 3, kLatentChannels = 8, kRows = 2, kColumns = 3;
constexpr int kWidth = kColumns * kDecoderCell, kArea = kRows * kDecoderCell * kWidth;

template <typename T>
class DecoderInputTest : public testing::Test {};
using DecoderInputTypes = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(DecoderInputTest, DecoderInputTypes);

// c slowest, then dt, dy, dx, then the latents; the first frame is repeated in front (docs/model.md
// section 15, trap 17).
TYPED_TEST(DecoderInputTest, IsCellsThenLatentsSoftlyClamped) {
    using T = TypeParam;
    for (const int lead : {0, 3}) {
        const auto frames =
            to_type<T>(random_normal(size_t(4 * kLatents - lead) * 3 * kArea, 1, 3.0f));
        // One latent frame more than is asked for lies between the channels.
        const int64_t stride = (kLatents + 1) * kRows * kColumns;
        const auto latents = to_type<T>(random_normal(kLatentChannels * stride, 2, 3.0f));
        std::vector<double> expected;
        auto expect = [&](T x) { expected.push_back(3 * std::tanh(to_float(x) / 3.0)); };
        for (int i = 0; i < kLatents; ++i)
            for (int cell = 0; cell < kRows * kColumns; ++cell) {
                for (int c = 0; c < 3; ++c)
                    for (int dt = 0; dt < 4; ++dt)
                        for (int pixel = 0; pixel < 64; ++pixel) {
                            const int frame = std::max(4 * i + dt - lead, 0);
                            const int y = cell / kColumns * 8 + pixel / 8;
                            const int x = cell % kColumns * 8 + pixel % 8;
                            expect(frames[(size_t(frame) * 3 + c) * kArea + y * kWidth + x]);
                        }
                for (int c = 0; c < kLatentChannels; ++c)
                    expect(latents[c * stride + i * kRows * kColumns + cell]);
            }
        std::vector<T> out = poisoned<T>(expected.size());
        DecoderInput params;
        params.frames = frames.data();
        params.latents = latents.data();
        params.latent_stride = stride;
        params.out = out.data();
        params.latent_frames = kLatents;
        params.latent_channels = kLatentChannels;
        params.height = kRows;
        params.width = kColumns;
        params.lead = lead;
        params.type = element_type_of<T>();
        decoder_input_cpu(params);
        const double tolerance = sizeof(T) == 4 ? 1e-6 : 2e-3;
        EXPECT_LT(relative_l2(to_floats(out), expected), tolerance);
    }
}

}  // namespace
}  // namespace flashvsr::kernels
