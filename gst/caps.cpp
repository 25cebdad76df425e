// SPDX-License-Identifier: Apache-2.0
#include "gst/caps.h"

#include <string>

#include "gst/cuda_memory.h"
#include "gst/frame_map.h"
#include "gst/picture_size.h"

namespace flashvsr {

namespace {

// Keeps of `structure` what is progressive; false if nothing is. A missing field is progressive.
bool restrict_to_progressive(GstStructure* structure) {
    const GValue* mode = gst_structure_get_value(structure, "interlace-mode");
    if (mode) {
        GValue progressive = G_VALUE_INIT;
        g_value_init(&progressive, G_TYPE_STRING);
        g_value_set_static_string(&progressive, "progressive");
        const bool possible = gst_value_intersect(nullptr, mode, &progressive);
        g_value_unset(&progressive);
        if (!possible) return false;
    }
    gst_structure_set(structure, "interlace-mode", G_TYPE_STRING, "progressive", nullptr);
    return true;
}

void set_any_size(GstStructure* structure) {
    gst_structure_set(structure, "width", GST_TYPE_INT_RANGE, 1, G_MAXINT, "height",
                      GST_TYPE_INT_RANGE, 1, G_MAXINT, nullptr);
    if (gst_structure_has_field(structure, "pixel-aspect-ratio")) {
        gst_structure_set(structure, "pixel-aspect-ratio", GST_TYPE_FRACTION_RANGE, 1, G_MAXINT,
                          G_MAXINT, 1, nullptr);
    }
}

void set_string_if_absent(GstStructure* structure, const char* field, const char* value) {
    if (value && !gst_structure_has_field(structure, field)) {
        gst_structure_set(structure, field, G_TYPE_STRING, value, nullptr);
    }
}

// Writes out the colorimetry and chroma site that readers of `structure` would assume for `info`.
void make_colour_explicit(GstStructure* structure, const GstVideoInfo& info) {
    gchar* colorimetry = gst_video_colorimetry_to_string(&info.colorimetry);
    set_string_if_absent(structure, "colorimetry", colorimetry);
    g_free(colorimetry);
    if (!GST_VIDEO_INFO_IS_YUV(&info)) {
        gst_structure_remove_field(structure, "chroma-site");
    } else if (info.chroma_site != GST_VIDEO_CHROMA_SITE_UNKNOWN) {
        gchar* site = gst_video_chroma_site_to_string(info.chroma_site);
        set_string_if_absent(structure, "chroma-site", site);
        g_free(site);
    }
}

// False unless `structure` is fixed and complete.
bool info_of(const GstStructure* structure, GstVideoInfo* info) {
    GstCaps* caps = gst_caps_new_full(gst_structure_copy(structure), nullptr);
    const bool ok = gst_caps_is_fixed(caps) && gst_video_info_from_caps(info, caps);
    gst_caps_unref(caps);
    return ok;
}

// How much a frame suffers when it goes from one format to the other: 0 for the same. What is lost
// counts first (colour, alpha, bits, chroma, in this order), then a change between RGB and YUV,
// then room that is not needed. Less than kFormatDistances.
constexpr int kFormatDistances = 1 << 20;
int format_distance(const GstVideoFormatInfo* from, const GstVideoFormatInfo* to) {
    if (from == to) return 0;
    int distance = 1;
    const auto add = [&distance](int difference, int if_more, int if_less) {
        distance += difference > 0 ? difference * if_more : -difference * if_less;
    };
    const auto has_colour = [](const GstVideoFormatInfo* info) {
        return GST_VIDEO_FORMAT_INFO_IS_GRAY(info) ? 0 : 1;
    };
    const auto has_alpha = [](const GstVideoFormatInfo* info) {
        return GST_VIDEO_FORMAT_INFO_HAS_ALPHA(info) ? 1 : 0;
    };
    add(has_colour(to) - has_colour(from), 64, 1 << 18);
    add(has_alpha(to) - has_alpha(from), 64, 1 << 17);
    add(GST_VIDEO_FORMAT_INFO_DEPTH(to, 0) - GST_VIDEO_FORMAT_INFO_DEPTH(from, 0), 2, 1 << 13);
    if (has_colour(from) && has_colour(to)) {  // more subsampling is a loss
        add(GST_VIDEO_FORMAT_INFO_W_SUB(from, 1) - GST_VIDEO_FORMAT_INFO_W_SUB(to, 1), 24, 1 << 11);
        add(GST_VIDEO_FORMAT_INFO_H_SUB(from, 1) - GST_VIDEO_FORMAT_INFO_H_SUB(to, 1), 24, 1 << 10);
    }
    if (GST_VIDEO_FORMAT_INFO_IS_RGB(from) != GST_VIDEO_FORMAT_INFO_IS_RGB(to)) distance += 256;
    return distance;
}

struct FormatChoice {
    std::string name;
    int distance = G_MAXINT;
};

void consider_format(const GValue* name, const GstVideoFormatInfo* from, FormatChoice* best) {
    const GstVideoFormat format = gst_video_format_from_string(g_value_get_string(name));
    if (format == GST_VIDEO_FORMAT_UNKNOWN) return;
    const int distance = format_distance(from, gst_video_format_get_info(format));
    if (distance < best->distance) *best = {g_value_get_string(name), distance};
}

FormatChoice closest_format(const GstStructure* structure, const GstVideoFormatInfo* from) {
    FormatChoice best;
    const GValue* formats = gst_structure_get_value(structure, "format");
    if (!formats) return best;
    if (G_VALUE_HOLDS_STRING(formats)) consider_format(formats, from, &best);
    if (GST_VALUE_HOLDS_LIST(formats)) {
        for (guint i = 0; i < gst_value_list_get_size(formats); i++) {
            consider_format(gst_value_list_get_value(formats, i), from, &best);
        }
    }
    return best;
}

// Cuts `caps` down to one structure, the one with the memory and format closest to `from` in CUDA
// memory or not. Another format costs a conversion, another memory a copy over the bus.
GstCaps* choose_structure(GstCaps* caps, const GstVideoFormatInfo* from, bool in_cuda) {
    FormatChoice best;
    guint best_index = 0;
    for (guint i = 0; i < gst_caps_get_size(caps); i++) {
        FormatChoice choice = closest_format(gst_caps_get_structure(caps, i), from);
        if (!choice.name.empty() && has_cuda_memory(caps, i) != in_cuda) {
            choice.distance += kFormatDistances;
        }
        if (choice.distance < best.distance) {
            best = choice;
            best_index = i;
        }
    }
    GstCaps* chosen = gst_caps_copy_nth(caps, best_index);
    if (!best.name.empty()) {
        gst_caps_set_simple(chosen, "format", G_TYPE_STRING, best.name.c_str(), nullptr);
    }
    gst_caps_unref(caps);
    return chosen;
}

// When the output leaves a choice of colour, prefers the input's.
void prefer_colour_of(const GstStructure* input, GstStructure* output) {
    for (const char* field : {"colorimetry", "chroma-site"}) {
        const char* value = gst_structure_get_string(input, field);
        if (!value) continue;
        set_string_if_absent(output, field, value);
        gst_structure_fixate_field_string(output, field, value);
    }
}

// Any size and rate of all formats in one kind of memory.
GstCaps* every_format(const std::string& memory) {
    const std::string format = format_list(memory == FLASHVSR_CUDA_MEMORY_FEATURE);
    return gst_caps_from_string(("video/x-raw(" + memory + "), format = (string) " + format +
                                 ", width = " GST_VIDEO_SIZE_RANGE
                                 ", height = " GST_VIDEO_SIZE_RANGE
                                 ", framerate = " GST_VIDEO_FPS_RANGE)
                                    .c_str());
}

// In the order of `first`; takes both.
GstCaps* intersect(GstCaps* first, GstCaps* second) {
    GstCaps* both = gst_caps_intersect_full(first, second, GST_CAPS_INTERSECT_FIRST);
    gst_caps_unref(first);
    gst_caps_unref(second);
    return both;
}

}  // namespace

GstCaps* template_caps() {
    GstCaps* caps = every_format(GST_CAPS_FEATURE_MEMORY_SYSTEM_MEMORY);
    if (cuda_memory_is_built_in()) {
        gst_caps_append(caps, every_format(FLASHVSR_CUDA_MEMORY_FEATURE));
    }
    return caps;
}

GstCaps* transform_caps(GstPadDirection direction, GstCaps* caps, GstCaps* filter) {
    // First in the same memory and format, last in another of both.
    GstCaps* candidates[] = {gst_caps_new_empty(), gst_caps_new_empty(), gst_caps_new_empty(),
                             gst_caps_new_empty()};
    for (guint i = 0; i < gst_caps_get_size(caps); i++) {
        GstStructure* structure = gst_structure_copy(gst_caps_get_structure(caps, i));
        if (!restrict_to_progressive(structure)) {
            gst_structure_free(structure);
            continue;
        }
        GstVideoInfo info;
        if (direction == GST_PAD_SINK && info_of(structure, &info)) {
            make_colour_explicit(structure, info);
        }
        set_any_size(structure);
        GstStructure* converted = gst_structure_copy(structure);
        gst_structure_remove_fields(converted, "format", "colorimetry", "chroma-site", nullptr);
        for (const bool same_memory : {true, false}) {
            if (!same_memory && !cuda_memory_is_built_in()) continue;
            const bool cuda = has_cuda_memory(caps, i) == same_memory;
            const auto add = [cuda](GstCaps** target, const GstStructure* added) {
                GstCapsFeatures* features =
                    cuda ? gst_caps_features_new(FLASHVSR_CUDA_MEMORY_FEATURE, nullptr) : nullptr;
                *target =
                    gst_caps_merge_structure_full(*target, gst_structure_copy(added), features);
            };
            add(&candidates[same_memory ? 0 : 2], structure);
            add(&candidates[same_memory ? 1 : 3], converted);
        }
        gst_structure_free(structure);
        gst_structure_free(converted);
    }
    GstCaps* result = gst_caps_new_empty();
    for (GstCaps* some : candidates) result = gst_caps_merge(result, some);
    result = intersect(result, template_caps());
    return filter ? intersect(gst_caps_ref(filter), result) : result;
}

GstCaps* fixate_output_caps(GstCaps* input, double scale, GstCaps* candidates) {
    GstVideoInfo in;
    if (gst_caps_is_empty(candidates) || !gst_video_info_from_caps(&in, input)) {
        return gst_caps_fixate(candidates);
    }
    GstCaps* output = choose_structure(candidates, in.finfo, has_cuda_memory(input, 0));
    GstStructure* structure = gst_caps_get_structure(output, 0);
    fixate_picture_size(structure, in, scale);

    GstStructure* input_structure = gst_structure_copy(gst_caps_get_structure(input, 0));
    make_colour_explicit(input_structure, in);
    const GstVideoFormatInfo* format = gst_video_format_get_info(
        gst_video_format_from_string(gst_structure_get_string(structure, "format")));
    if (GST_VIDEO_FORMAT_INFO_IS_YUV(format) == GST_VIDEO_INFO_IS_YUV(&in) &&
        GST_VIDEO_FORMAT_INFO_IS_RGB(format) == GST_VIDEO_INFO_IS_RGB(&in)) {
        prefer_colour_of(input_structure, structure);
    }
    gst_structure_free(input_structure);

    output = gst_caps_fixate(output);
    GstVideoInfo out;
    if (gst_video_info_from_caps(&out, output)) {
        make_colour_explicit(gst_caps_get_structure(output, 0), out);
    }
    return output;
}

GstCaps* fixate_input_caps(GstCaps* output, double scale, GstCaps* candidates) {
    GstVideoInfo out;
    if (gst_caps_is_empty(candidates) || !gst_video_info_from_caps(&out, output)) {
        return gst_caps_fixate(candidates);
    }
    GstCaps* input = choose_structure(candidates, out.finfo, has_cuda_memory(output, 0));
    fixate_picture_size(gst_caps_get_structure(input, 0), out, 1.0 / scale);
    return gst_caps_fixate(input);
}

}  // namespace flashvsr
