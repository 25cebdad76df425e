#ifndef FLASHVSR_PIPELINES_COMMON_PROPERTY_H_
#define FLASHVSR_PIPELINES_COMMON_PROPERTY_H_

#include <gst/gst.h>

#include <string>

namespace pipelines {

/// Sets a property of the element from what somebody typed. The element itself says what is
/// allowed; nothing is clamped. Throws Failure (kUsage), which names `option` ("--scale") and what
/// is allowed, on a bad value or where the element has no such property.
void set_property(GstElement* element, const std::string& property, const std::string& text,
                  const std::string& option);

}  // namespace pipelines

#endif  // FLASHVSR_PIPELINES_COMMON_PROPERTY_H_
