#ifndef FLASHVSR_PIPELINES_UPSCALE_SETTINGS_H_
#define FLASHVSR_PIPELINES_UPSCALE_SETTINGS_H_

#include <gst/gst.h>

#include <map>
#include <string>
#include <vector>

namespace upscale {

/// An option that sets a property of the element.
struct Setting {
    enum class Form {
        kValue,     ///< always with a value
        kOptional,  ///< without one it is the element's default
        kFlag,      ///< no value: true
    };
    const char* option;
    const char* property;
    const char* initial;  ///< what is set without the option; null: the element's own default
    Form form;
    const char* values;  ///< as the help shows them
    const char* help;
};

const std::vector<Setting>& settings();

/// Sets the element's properties from the values typed by option name, else from their defaults.
/// The element itself says what is allowed. Throws Failure (kUsage) with that on a bad value, or
/// where the installed element has no such property.
void apply_settings(GstElement* element, const std::map<std::string, std::string>& typed);

/// The element with these settings. Throws Failure: kMissing where it is not installed, else as
/// above. The caller owns it.
GstElement* make_upscaler(const std::map<std::string, std::string>& typed);

/// The factor that the element has with these settings. Throws as above.
double scale_of(const std::map<std::string, std::string>& typed);

}  // namespace upscale

#endif  // FLASHVSR_PIPELINES_UPSCALE_SETTINGS_H_
