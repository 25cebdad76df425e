// SPDX-License-Identifier: Apache-2.0
#include "kernels/device.h"

#include <gtest/gtest.h>

#include "kernels/draft_mask_plan.h"

namespace flashvsr::kernels {
namespace {

std::string variant(const Device& device, const std::string& kernel) {
    for (const KernelVariant& row : kernel_variants(device))
        if (kernel == row.kernel) return row.variant;
    return "no such kernel";
}

TEST(Device, CapabilitiesAreNumbersWithAPoint) {
    EXPECT_EQ(parse_capability("8.0"), 80);
    EXPECT_EQ(parse_capability("12.1"), 121);
    for (const char* text : {"", "8", "8.", ".8", "8.60", "a.b", "120", "-8.0", "8,6", "123.0"})
        EXPECT_EQ(parse_capability(text), std::nullopt) << text;
}

TEST(Device, EachCardRunsTheFastestKernelsThatItHas) {
    EXPECT_EQ(variant(device_of(90, 132), "attention"), "wgmma");
    EXPECT_EQ(variant(device_of(90, 132), "convolution"), "wgmma");
    // 10.0 and 12.0 have clusters, but not the instructions of 9.0.
    for (const int capability : {80, 86, 89, 100, 120}) {
        const Device device = device_of(capability, 82);
        EXPECT_EQ(variant(device, "attention"), "mma.sync") << capability;
        EXPECT_EQ(variant(device, "attention-e4m3"), capability < 89 ? "none" : "mma.sync");
        EXPECT_EQ(variant(device, "convolution"), "cudnn") << capability;
        EXPECT_EQ(variant(device, "draft-mask"), capability < 90 ? "blocks" : "clusters");
        EXPECT_EQ(variant(device, "linear-e4m3"), capability < 89 ? "none" : "cublaslt");
    }
}

// Windows are of 128 x 128 pixels, see docs/model.md section 7.1.
TEST(Device, NoPictureAsksForMoreSharedMemoryThanTheCardHas) {
    for (const int capability : {80, 86, 89, 90, 100, 120}) {
        const Device device = device_of(capability, 108);
        for (int rows = 1; rows <= 128; ++rows) {
            for (const int columns : {1, rows, 128}) {
                for (const int most_allowed : {0, 121}) {
                    DraftMask params;
                    params.heads = 12;
                    params.windows = rows * columns;
                    params.query_slices = 1;
                    params.key_slices = 4;
                    params.most_allowed = most_allowed;
                    const DraftMaskLayout layout =
                        plan_draft_mask(params, device, device.clusters).layout;
                    ASSERT_LE(layout.shared_bytes() + kDraftStaticBytes, device.shared_memory)
                        << capability << ", " << rows << "x" << columns << " windows";
                    ASSERT_EQ(layout.shared_bytes() + layout.workspace_bytes(),
                              layout.row_bytes() + layout.weight_bytes());
                }
            }
        }
    }
}

}  // namespace
}  // namespace flashvsr::kernels
