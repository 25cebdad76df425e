// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace upscale {

// Whether a TIFF file holds pictures behind the first, of which decoders know nothing: pages,
// but not smaller copies of the first.
bool has_more_pages(const std::string& path);

}  // namespace upscale
