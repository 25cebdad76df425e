// SPDX-License-Identifier: Apache-2.0
// How draft_mask_cuda divides its work and its memory, by the card. Arithmetic; no GPU is asked.
#pragma once

#include <cstddef>

#include "kernels/device.h"
#include "kernels/draft_mask.h"
#include "kernels/host_device.h"

namespace flashvsr::kernels {

constexpr int kDraftClusterBlocks = 8;  // that share a head and query slice
constexpr int kDraftTileQueries = 8;
constexpr int kDraftQueryPitch = 128 + 32;  // elements: rows of a tile start in other banks
// Static shared memory of a block, at most: histograms and their like.
constexpr size_t kDraftStaticBytes = 12'400;

// What a block keeps of its query windows, for the block that has the most: in shared memory, or in
// its part of the workspace.
struct DraftMaskLayout {
    int rows;    // query windows, rounded up to whole tiles
    int words;   // of 32 windows of a slice
    int stride;  // weights of a row: allowed windows of all key slices at most
    bool rows_shared, weights_shared;

    // Queries and allowed windows.
    FLASHVSR_HOST_DEVICE size_t row_bytes() const {
        return size_t(rows) * (kDraftQueryPitch * 2 + size_t(words) * 8 + 4) / 16 * 16 + 16;
    }
    FLASHVSR_HOST_DEVICE size_t weight_bytes() const {
        return (size_t(rows) * stride * sizeof(float) + 15) / 16 * 16;
    }
    FLASHVSR_HOST_DEVICE size_t shared_bytes() const {
        return (rows_shared ? row_bytes() : 0) + (weights_shared ? weight_bytes() : 0);
    }
    FLASHVSR_HOST_DEVICE size_t workspace_bytes() const {
        return (rows_shared ? 0 : row_bytes()) + (weights_shared ? 0 : weight_bytes());
    }
};

struct DraftMaskPlan {
    int parts;   // blocks per head and query slice, which form a cluster
    int blocks;  // in all
    DraftMaskLayout layout;

    size_t workspace_bytes() const { return layout.workspace_bytes() * blocks; }
};

// `clusters`: whether the kernel was compiled for them and the device has them.
DraftMaskPlan plan_draft_mask(const DraftMask& params, const Device& device, bool clusters);

}  // namespace flashvsr::kernels
