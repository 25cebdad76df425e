// SPDX-License-Identifier: Apache-2.0
// The draft mask's kernel on the CPU, against docs/model.md section 7.2 in double.
#include "tests/kernels/draft_mask_case.h"

namespace flashvsr::kernels {
namespace {

template <typename T>
class DraftMaskKernelTest : public testing::Test {};
using Types = testing::Types<float, Float16, BFloat16>;
TYPED_TEST_SUITE(DraftMaskKernelTest, Types);

template <typename T>
std::vector<double> softmax_weights(const DraftMaskShape& shape, const DraftMaskMeans<T>& means,
                                    const std::vector<uint8_t>& local_mask, int head, int query) {
    const size_t dim = size_t(shape.heads) * kHeadDim;
    std::vector<double> weights;
    double sum = 0;
    for (int key = 0; key < shape.keys(); ++key) {
        double product = 0;
        for (int d = 0; d < kHeadDim; ++d) {
            product += double{to_float(means.q[query * dim + head * kHeadDim + d])} *
                       to_float(means.k[key * dim + head * kHeadDim + d]);
        }
        const float score = rounded<T>(rounded<T>(float(product)) / std::sqrt(128.0f));
        const int windows = shape.windows();
        const bool near = local_mask[size_t(query % windows) * windows + key % windows];
        weights.push_back(near ? std::exp(double{score}) : 0.0);
        sum += weights.back();
    }
    for (double& weight : weights) weight = sum > 0 ? weight / sum : 0.0;
    return weights;
}

TYPED_TEST(DraftMaskKernelTest, WeighsAllowedWindowsAndSelectsExactly) {
    using T = TypeParam;
    for (const DraftMaskShape& shape : kDraftMaskShapes) {
        const auto local_mask = local_windows(shape);
        for (const auto& means : {random_means<T>(shape, 1), integer_means<T>(shape, 3)}) {
            const DraftMaskResult result = draft_on_cpu(shape, means, local_mask);
            expect_exact_selection(shape, result);
            for (const int head : {0, shape.heads - 1}) {
                for (const int query : {0, shape.queries() / 2, shape.queries() - 1}) {
                    const auto expected = softmax_weights(shape, means, local_mask, head, query);
                    const size_t row = size_t(head) * shape.queries() + query;
                    for (size_t key = 0; key < expected.size(); ++key) {
                        const float weight = result.weight[row * expected.size() + key];
                        ASSERT_NEAR(weight, expected[key], 1e-6 * expected[key]) << shape.name();
                    }
                }
            }
        }
    }
}

TEST(DraftMaskKernel, DropsTiesEvenIfNothingStays) {
    const DraftMaskShape shape{2, 2, 2, 1, 3, 11, 20};
    const size_t dim = size_t(shape.heads) * kHeadDim;
    const DraftMaskMeans<BFloat16> means{
        to_type<BFloat16>(std::vector<float>(shape.queries() * dim, 1.0f)),
        to_type<BFloat16>(std::vector<float>(shape.keys() * dim, 1.0f))};
    const DraftMaskResult result = draft_on_cpu(shape, means, local_windows(shape));
    expect_exact_selection(shape, result);
    EXPECT_EQ(result.count, std::vector<int32_t>(result.count.size(), 0));
}

}  // namespace
}  // namespace flashvsr::kernels
