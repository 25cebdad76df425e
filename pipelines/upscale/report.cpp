// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/report.h"

#include <algorithm>
#include <utility>

#include "pipelines/upscale/exit_code.h"

namespace upscale {

Report::Report(Say say, bool strict) : say_(std::move(say)), strict_(strict) {}

void Report::loss(const std::string& kind, const std::string& text) {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        const bool known = std::any_of(losses_.begin(), losses_.end(), [&](const Loss& loss) {
            return loss.kind == kind && loss.text == text;
        });
        if (known) return;
        losses_.push_back({kind, text});
    }
    say_(text);
}

std::vector<Loss> Report::losses() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return losses_;
}

bool Report::refused() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return strict_ && !losses_.empty();
}

void Report::check() const {
    if (refused()) {
        throw Failure(ExitCode::kFailed,
                      "something is lost (see above), which --strict does not allow");
    }
}

}  // namespace upscale
