// SPDX-License-Identifier: Apache-2.0
#include "kernels/frame.h"
#include "tests/kernels/pil_bicubic.h"
#include "tests/kernels/support.h"

namespace flashvsr::kernels {
namespace {

TEST(Resize, EqualsPillowsBicubicClampedAndRepeatsTheBorder) {
    for (const PilBicubic& known : kPilBicubic) {
        const ResizeTaps rows = bicubic_taps(known.in_height, known.out_height);
        const ResizeTaps columns = bicubic_taps(known.in_width, known.out_width);
        Resize params;
        params.planes = 2;
        params.rows = view(rows);
        params.columns = view(columns);
        params.padded_height = known.out_height + 2;
        params.padded_width = known.out_width + 3;
        std::vector<float> in = known.in;
        in.insert(in.end(), known.in.begin(), known.in.end());
        auto out = poisoned<float>(2 * params.padded_height * params.padded_width);
        params.in = in.data();
        params.out = out.data();
        resize_cpu(params);

        for (size_t i = 0; i < out.size(); ++i) {
            const int area = params.padded_height * params.padded_width;
            const int y = std::min<int>(i % area / params.padded_width, known.out_height - 1);
            const int x = std::min<int>(i % params.padded_width, known.out_width - 1);
            const float pil = known.out[y * known.out_width + x];
            ASSERT_NEAR(out[i], std::min(std::max(pil, 0.0f), 1.0f) * 2.0f - 1.0f, 2e-6f)
                << known.out_width << " x " << known.out_height << " at " << x << ", " << y;
        }
    }
}

TEST(Resize, TapsStayInsideThePictureAndSumToOne) {
    for (const int in : {1, 2, 3, 4, 5, 30, 271}) {
        for (const int out : {1, 2, 3, 7, 30, 64, 1084}) {
            const ResizeTaps taps = bicubic_taps(in, out);
            for (int i = 0; i < out; ++i) {
                EXPECT_GE(taps.first[i], 0);
                EXPECT_LE(taps.first[i] + taps.count, in);
                double sum = 0;
                for (int t = 0; t < taps.count; ++t) sum += taps.weight[i * taps.count + t];
                EXPECT_NEAR(sum, 1.0, 1e-6);
            }
        }
    }
}

TEST(Resize, SameSizeChangesNothing) {
    const ResizeTaps rows = bicubic_taps(6, 6), columns = bicubic_taps(9, 9);
    const auto in = random_uniform(54, 1, 0.0f, 1.0f);
    auto out = poisoned<float>(54);
    Resize params;
    params.in = in.data();
    params.out = out.data();
    params.planes = 1;
    params.rows = view(rows);
    params.columns = view(columns);
    params.padded_height = 6;
    params.padded_width = 9;
    params.gain = 1.0f;
    params.offset = 0.0f;
    resize_cpu(params);
    EXPECT_EQ(out, in);
}

}  // namespace
}  // namespace flashvsr::kernels
