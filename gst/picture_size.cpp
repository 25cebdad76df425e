// SPDX-License-Identifier: Apache-2.0
#include "gst/picture_size.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "core/flashvsr.h"

namespace flashvsr {

namespace {

// min, min + step ... max.
struct Range {
    int min = 1;
    int max = G_MAXINT;
    int step = 1;

    int nearest(double value) const {
        const double steps = std::round((value - min) / step);
        const int most = (max - min) / step;
        return min + step * static_cast<int>(std::clamp(steps, 0.0, static_cast<double>(most)));
    }
};

void add_ranges(const GValue* value, std::vector<Range>* ranges) {
    if (GST_VALUE_HOLDS_LIST(value)) {
        for (guint i = 0; i < gst_value_list_get_size(value); i++) {
            add_ranges(gst_value_list_get_value(value, i), ranges);
        }
    } else if (GST_VALUE_HOLDS_INT_RANGE(value)) {
        ranges->push_back({gst_value_get_int_range_min(value), gst_value_get_int_range_max(value),
                           gst_value_get_int_range_step(value)});
    } else if (G_VALUE_HOLDS_INT(value)) {
        ranges->push_back({g_value_get_int(value), g_value_get_int(value), 1});
    }
}

std::vector<Range> ranges_of(const GstStructure* structure, const char* field) {
    std::vector<Range> ranges;
    const GValue* value = gst_structure_get_value(structure, field);
    if (value) add_ranges(value, &ranges);
    if (ranges.empty()) ranges.push_back({});
    return ranges;
}

struct Size {
    int width = 0;
    int height = 0;
};

// The size that is wanted, in pixels that have one pixel aspect ratio.
struct Wish {
    double width;
    double height;

    double ratio() const { return width / height; }
    // How many times wider than it should be a picture of this size is.
    double stretch(const Size& size) const { return size.width / (size.height * ratio()); }
    bool in_proportion(const Size& size) const {
        const double width_off = std::abs(size.width - size.height * ratio());
        const double height_off = std::abs(size.height - size.width / ratio());
        return width_off < std::max(1.0, size.width * 0.01) ||
               height_off < std::max(1.0, size.height * 0.01);
    }
    // Between areas, 0: the same.
    double distance(const Size& size) const {
        return std::abs(std::log(size.width / width) + std::log(size.height / height));
    }
    // Whether `a` serves better than `b`.
    bool prefers(const Size& a, const Size& b) const {
        if (in_proportion(a) != in_proportion(b)) return in_proportion(a);
        if (in_proportion(a)) return distance(a) < distance(b);
        return std::abs(std::log(stretch(a))) < std::abs(std::log(stretch(b)));
    }
};

Size choose_size(const std::vector<Range>& widths, const std::vector<Range>& heights,
                 const Wish& wish) {
    Size best;
    const auto consider = [&](const Size& size) {
        if (best.width == 0 || wish.prefers(size, best)) best = size;
    };
    for (const Range& width : widths) {
        for (const Range& height : heights) {
            const int wide = width.nearest(wish.width);
            const int high = height.nearest(wish.height);
            consider({wide, high});
            consider({wide, height.nearest(wide / wish.ratio())});
            consider({width.nearest(high * wish.ratio()), high});
        }
    }
    return best;
}

struct Fraction {
    int numerator = 1;
    int denominator = 1;

    double value() const { return static_cast<double>(numerator) / denominator; }
};

constexpr char kAspect[] = "pixel-aspect-ratio";

// The pixel aspect ratio nearest to `wanted` that `structure` takes.
Fraction possible_aspect(const GstStructure* structure, const Fraction& wanted) {
    if (!gst_structure_has_field(structure, kAspect)) return wanted;
    GstStructure* copy = gst_structure_copy(structure);
    gst_structure_fixate_field_nearest_fraction(copy, kAspect, wanted.numerator,
                                                wanted.denominator);
    Fraction possible = wanted;
    gst_structure_get_fraction(copy, kAspect, &possible.numerator, &possible.denominator);
    gst_structure_free(copy);
    return possible;
}

// That with which a picture of this size looks like `from`; none if it cannot be told in ints.
std::optional<Fraction> aspect_that_keeps(const GstVideoInfo& from, const Size& size) {
    Fraction shape;
    Fraction aspect;
    if (!gst_util_fraction_multiply(GST_VIDEO_INFO_PAR_N(&from), GST_VIDEO_INFO_PAR_D(&from),
                                    GST_VIDEO_INFO_WIDTH(&from), GST_VIDEO_INFO_HEIGHT(&from),
                                    &shape.numerator, &shape.denominator) ||
        !gst_util_fraction_multiply(shape.numerator, shape.denominator, size.height, size.width,
                                    &aspect.numerator, &aspect.denominator)) {
        return {};
    }
    return aspect;
}

}  // namespace

void fixate_picture_size(GstStructure* structure, const GstVideoInfo& from, double factor) {
    const Fraction own = {GST_VIDEO_INFO_PAR_N(&from), GST_VIDEO_INFO_PAR_D(&from)};
    Fraction aspect = possible_aspect(structure, own);
    const auto scaled = [factor](double size) { return std::max(1.0, std::round(size * factor)); };
    const double widening = own.value() / aspect.value();
    const Wish wish = {scaled(GST_VIDEO_INFO_WIDTH(&from) * widening),
                       scaled(GST_VIDEO_INFO_HEIGHT(&from))};
    const Size size =
        choose_size(ranges_of(structure, "width"), ranges_of(structure, "height"), wish);
    if (!wish.in_proportion(size)) {
        aspect = possible_aspect(structure, aspect_that_keeps(from, size).value_or(aspect));
    }
    gst_structure_set(structure, "width", G_TYPE_INT, size.width, "height", G_TYPE_INT, size.height,
                      nullptr);
    if (gst_structure_has_field(structure, kAspect) || aspect.value() != 1.0) {
        gst_structure_set(structure, kAspect, GST_TYPE_FRACTION, aspect.numerator,
                          aspect.denominator, nullptr);
    }
}

std::string size_fault(const GstVideoInfo& in, const GstVideoInfo& out) {
    const auto longest = [](const GstVideoInfo& info) {
        return MAX(GST_VIDEO_INFO_WIDTH(&info), GST_VIDEO_INFO_HEIGHT(&info));
    };
    const auto size = [](const GstVideoInfo& info) {
        return std::to_string(GST_VIDEO_INFO_WIDTH(&info)) + "x" +
               std::to_string(GST_VIDEO_INFO_HEIGHT(&info));
    };
    const std::string limit =
        ", and no side may be longer than " + std::to_string(FLASHVSR_MAX_SIDE) + " pixels";
    if (longest(in) > FLASHVSR_MAX_SIDE) return "The input is " + size(in) + limit + ".";
    if (longest(out) <= FLASHVSR_MAX_SIDE) return "";
    const int hundredths = 100 * FLASHVSR_MAX_SIDE / longest(in);
    gchar* scale = g_strdup_printf("%d.%02d", hundredths / 100, hundredths % 100);
    std::string fault = "The output would be " + size(out) + limit + ": set scale to " + scale +
                        " or less, or a size behind the element.";
    g_free(scale);
    return fault;
}

}  // namespace flashvsr
