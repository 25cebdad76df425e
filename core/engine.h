// SPDX-License-Identifier: Apache-2.0
// A model on one device, shared by every stream in the process that asks for the same.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "core/flashvsr.h"
#include "models/model.h"

namespace flashvsr {

class Engine {
  public:
    // Loads the model, or joins the one that is open for the same folder, device, precision,
    // version and decoder. A second caller waits for the first one's load. Throws Error.
    static std::shared_ptr<const Engine> open(const FlashvsrEngineConfig& config,
                                              const LoadProgress& progress);
    // Makes the same model in a type of wider range.
    using MakeFallback = std::function<std::shared_ptr<const Engine>()>;
    // An engine of its own around a model that was made elsewhere (tests and benchmarks).
    explicit Engine(Model model, MakeFallback make_fallback = {});

    const Model& model() const { return model_; }

    // The engine to go on with when this one's model has overflowed: loaded once, shared by the
    // streams that need it. Throws Error kBadSettings where there is none.
    std::shared_ptr<const Engine> fallback() const;
    // Whether it has.
    bool has_overflowed() const;

  private:
    Model model_;
    MakeFallback make_fallback_;
    mutable std::mutex mutex_;
    mutable std::shared_ptr<const Engine> fallback_;
};

// "cpu" or "cuda:N" from "auto", "cpu", "cuda" or "cuda:N"; throws kBadSettings or
// kInvalidArgument.
at::Device parse_device(const std::string& name);

}  // namespace flashvsr
