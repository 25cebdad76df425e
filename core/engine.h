// A model on one device, shared by every stream in the process that asks for the same.
#pragma once

#include <memory>
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
    // An engine of its own around a model that was made elsewhere (tests and benchmarks).
    explicit Engine(Model model);

    const Model& model() const { return model_; }

  private:
    Model model_;
};

// "cpu" or "cuda:N" from "auto", "cpu", "cuda" or "cuda:N"; throws kBadSettings or
// kInvalidArgument.
at::Device parse_device(const std::string& name);

}  // namespace flashvsr
