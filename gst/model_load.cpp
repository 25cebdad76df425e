// SPDX-License-Identifier: Apache-2.0
#include "gst/model_load.h"

#include <chrono>
#include <exception>
#include <utility>

#include "gst/engine_error.h"
#include "gst/log.h"

#define GST_CAT_DEFAULT flashvsr_model_debug

namespace flashvsr {

namespace {

constexpr char kCode[] = "load-model";
constexpr int kPercentStep = 5;  // between two messages
// How long a state change waits for a load that fails at once. An error after the state change is
// as good for most applications, but not for gst-launch-1.0, which waits for ever when one comes
// before its main loop runs.
constexpr std::chrono::milliseconds kAtOnce(100);

struct ModelDir {
    std::string path;      // empty: nothing found
    bool is_nano = false;  // the small model that ships, taken for want of a better one
};

bool is_folder(const std::string& path) { return g_file_test(path.c_str(), G_FILE_TEST_IS_DIR); }

// `chosen` (the model-dir property) if not empty; else $FLASHVSR_MODEL_DIR; else
// flashvsr/FlashVSR-v1.1 or flashvsr/FlashVSR in the user's data folder; else the nano model, from
// $FLASHVSR_NANO_DIR or where it was installed. The first two are not checked for existence: a
// wrong path that someone wrote is an error, never silently another model.
ModelDir find_model_dir(const std::string& chosen) {
    if (!chosen.empty()) return {chosen, false};
    const char* from_environment = g_getenv("FLASHVSR_MODEL_DIR");
    if (from_environment && *from_environment) return {from_environment, false};

    const std::string user_data = std::string(g_get_user_data_dir()) + "/flashvsr/";
    for (const char* name : {"FlashVSR-v1.1", "FlashVSR"}) {
        if (is_folder(user_data + name)) return {user_data + name, false};
    }

    const char* nano_from_environment = g_getenv("FLASHVSR_NANO_DIR");
    const std::string nano =
        nano_from_environment ? nano_from_environment : FLASHVSR_DATA_DIR "/nano";
    if (is_folder(nano)) return {nano, true};
    return {};
}

}  // namespace

ModelLoad::ModelLoad(GstElement* element, std::function<void()> on_done)
    : element_(element), on_done_(std::move(on_done)) {}

bool ModelLoad::start(const FlashvsrApi* api, const Properties& properties) {
    const ModelDir model = find_model_dir(properties.model_dir);
    if (model.path.empty()) {
        GST_ELEMENT_ERROR(element_, RESOURCE, NOT_FOUND,
                          ("No FlashVSR model found. Set the property model-dir or the environment "
                           "variable FLASHVSR_MODEL_DIR to the folder with the model's files."),
                          (nullptr));
        return false;
    }
    if (model.is_nano) {
        GST_ELEMENT_WARNING(element_, RESOURCE, NOT_FOUND,
                            ("No FlashVSR model found; using the small model that ships, which "
                             "gives far less detail. For the released one download the files of "
                             "FlashVSR-v1.1 (JunhaoZhuang/FlashVSR-v1.1 on the Hugging Face hub) "
                             "and set model-dir to their folder."),
                            ("%s", model.path.c_str()));
    }
    api_ = api;
    properties_ = properties;
    model_dir_ = model.path;
    percent_ = 0;
    cancelled_ = done_ = false;
    post_progress(GST_PROGRESS_TYPE_START, "Loading the model " + model_dir_);
    loaded_ = {};
    std::future<void> loaded = loaded_.get_future();
    thread_ = std::thread([this] {
        load();
        loaded_.set_value();
    });
    return loaded.wait_for(kAtOnce) == std::future_status::timeout || engine_;
}

void ModelLoad::cancel() { cancelled_ = true; }

void ModelLoad::close() {
    cancel();
    if (thread_.joinable()) thread_.join();
    engine_.reset();
}

void ModelLoad::load() {
    try {
        open_engine();
    } catch (const std::exception& exception) {
        GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                          ("The model could not be loaded: %s.", exception.what()), (nullptr));
    }
    done_ = true;
    on_done_();
}

void ModelLoad::open_engine() {
    FlashvsrEngineConfig config = FLASHVSR_ENGINE_CONFIG_INIT;
    config.model_dir = model_dir_.c_str();
    config.device = properties_.device.empty() ? "auto" : properties_.device.c_str();
    config.precision = properties_.precision;
    config.model_version = properties_.model_version;
    config.mode = properties_.mode == Mode::kFull ? FLASHVSR_MODE_FULL : FLASHVSR_MODE_TINY;
    config.vae_type = properties_.vae_type.c_str();
    config.vae_path = properties_.vae_path.c_str();
    config.vae_adapter = properties_.vae_adapter.c_str();

    const auto on_progress = [](double fraction, const char* stage, void* self) -> int {
        return static_cast<ModelLoad*>(self)->report(fraction, stage);
    };
    FlashvsrEngine* engine = nullptr;
    FlashvsrError error = {};
    const FlashvsrStatus status = api_->engine_open(&config, on_progress, this, &engine, &error);
    engine_ = {engine, EngineClose{api_}};
    if (status == FLASHVSR_OK) {
        warn_of_other_decoder();
        post_progress(GST_PROGRESS_TYPE_COMPLETE, "The model is loaded");
    } else if (status == FLASHVSR_CANCELLED && cancelled_) {
        post_progress(GST_PROGRESS_TYPE_CANCELED, "Loading the model was cancelled");
    } else {
        post_progress(GST_PROGRESS_TYPE_ERROR, error.message);
        post_engine_error(element_, error);
    }
}

// A decoder of the other mode is no error: the engine takes the mode's own.
void ModelLoad::warn_of_other_decoder() {
    FlashvsrEngineInfo info = FLASHVSR_ENGINE_INFO_INIT;
    const std::string& wanted = properties_.vae_type;
    if (wanted.empty() || api_->engine_info(engine_.get(), &info, nullptr) != FLASHVSR_OK ||
        !*info.decoder || wanted == info.decoder) {
        return;
    }
    GST_ELEMENT_WARNING(
        element_, LIBRARY, SETTINGS,
        ("vae-type=%s does not belong to mode=%s; the decoder is %s, from the model's folder.",
         wanted.c_str(), properties_.mode == Mode::kFull ? "full" : "tiny", info.decoder),
        (nullptr));
}

bool ModelLoad::report(double fraction, const char* stage) {
    const int percent = static_cast<int>(fraction * 100);
    GST_LOG_OBJECT(element_, "%s: %d %%", stage, percent);
    if (percent >= percent_ + kPercentStep) {
        percent_ = percent;
        post_progress(GST_PROGRESS_TYPE_CONTINUE, "Loading the model: " + std::string(stage) +
                                                      ", " + std::to_string(percent) + " %");
    }
    return !cancelled_;
}

void ModelLoad::post_progress(GstProgressType type, const std::string& text) {
    GST_DEBUG_OBJECT(element_, "%s", text.c_str());
    gst_element_post_message(
        element_, gst_message_new_progress(GST_OBJECT_CAST(element_), type, kCode, text.c_str()));
}

}  // namespace flashvsr
