// SPDX-License-Identifier: Apache-2.0
#include "kernels/draft_mask_plan.h"

#include <algorithm>

namespace flashvsr::kernels {

DraftMaskPlan plan_draft_mask(const DraftMask& params, const Device& device, bool clusters) {
    DraftMaskPlan plan;
    plan.parts = clusters ? kDraftClusterBlocks : 1;
    plan.blocks = params.heads * params.query_slices * plan.parts;
    const int rows = (params.windows + plan.parts - 1) / plan.parts;
    const int most =
        params.most_allowed > 0 ? std::min(params.most_allowed, params.windows) : params.windows;
    DraftMaskLayout& layout = plan.layout;
    layout.rows = (rows + kDraftTileQueries - 1) / kDraftTileQueries * kDraftTileQueries;
    layout.words = (params.windows + 31) / 32;
    layout.stride = most * params.key_slices;

    const size_t room = device.shared_memory - kDraftStaticBytes;
    layout.rows_shared = layout.row_bytes() <= room;
    layout.weights_shared =
        layout.rows_shared && layout.row_bytes() + layout.weight_bytes() <= room;
    return plan;
}

}  // namespace flashvsr::kernels
