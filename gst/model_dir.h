/* Where the model is when nobody says. */
#pragma once

#include <string>

namespace flashvsr {

struct ModelDir {
    std::string path;     /* empty: nothing found */
    bool is_nano = false; /* the small model that ships, taken for want of a better one */
};

/* `chosen` (the model-dir property) if not empty; else $FLASHVSR_MODEL_DIR; else
 * flashvsr/FlashVSR-v1.1 or flashvsr/FlashVSR in the user's data folder; else the nano model, from
 * $FLASHVSR_NANO_DIR or where it was installed. The first two are not checked for existence: a
 * wrong path that someone wrote is an error, never silently another model. */
ModelDir find_model_dir(const std::string& chosen);

}  // namespace flashvsr
