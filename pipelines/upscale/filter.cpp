// SPDX-License-Identifier: Apache-2.0
#include "pipelines/upscale/filter.h"

extern "C" {
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
}

#include <dlfcn.h>

#include "pipelines/upscale/exit_code.h"
#include "pipelines/upscale/libav_versions.h"

namespace upscale {

namespace {

// libavfilter, loaded when the first filter is made. Linked to, it would bring a hundred libraries
// into the program's own scope, BLAS among them, whose functions the engine would then call in
// place of those that come with it.
struct Library {
    Library() : handle(dlopen(kName, RTLD_NOW | RTLD_LOCAL)) {
        if (!handle) throw Failure(ExitCode::kMissing, dlerror());
        find(&graph_alloc, "avfilter_graph_alloc");
        find(&graph_free, "avfilter_graph_free");
        find(&graph_alloc_filter, "avfilter_graph_alloc_filter");
        find(&graph_create_filter, "avfilter_graph_create_filter");
        find(&graph_parse_ptr, "avfilter_graph_parse_ptr");
        find(&graph_config, "avfilter_graph_config");
        find(&get_by_name, "avfilter_get_by_name");
        find(&init_str, "avfilter_init_str");
        find(&inout_alloc, "avfilter_inout_alloc");
        find(&inout_free, "avfilter_inout_free");
        find(&parameters_alloc, "av_buffersrc_parameters_alloc");
        find(&parameters_set, "av_buffersrc_parameters_set");
        find(&add_frame, "av_buffersrc_add_frame");
        find(&get_frame, "av_buffersink_get_frame");
        find(&get_time_base, "av_buffersink_get_time_base");
    }

    template <typename Function>
    void find(Function* function, const char* name) const {
        *function = reinterpret_cast<Function>(dlsym(handle, name));
        if (!*function) throw Failure(ExitCode::kMissing, std::string(kName) + " lacks " + name);
    }

    static constexpr char kName[] = "libavfilter.so." AV_STRINGIFY(LIBAVFILTER_VERSION_MAJOR);
    void* handle;
    decltype(&avfilter_graph_alloc) graph_alloc;
    decltype(&avfilter_graph_free) graph_free;
    decltype(&avfilter_graph_alloc_filter) graph_alloc_filter;
    decltype(&avfilter_graph_create_filter) graph_create_filter;
    decltype(&avfilter_graph_parse_ptr) graph_parse_ptr;
    decltype(&avfilter_graph_config) graph_config;
    decltype(&avfilter_get_by_name) get_by_name;
    decltype(&avfilter_init_str) init_str;
    decltype(&avfilter_inout_alloc) inout_alloc;
    decltype(&avfilter_inout_free) inout_free;
    decltype(&av_buffersrc_parameters_alloc) parameters_alloc;
    decltype(&av_buffersrc_parameters_set) parameters_set;
    decltype(&av_buffersrc_add_frame) add_frame;
    decltype(&av_buffersink_get_frame) get_frame;
    decltype(&av_buffersink_get_time_base) get_time_base;
};

// Throws Failure (kMissing) where it is not installed.
const Library& library() {
    static const Library loaded;
    return loaded;
}

void check(int status, const std::string& description) {
    if (status < 0) {
        throw Failure(ExitCode::kFailed, "filter " + description + ": " + libav_error(status));
    }
}

AVFilterContext* make_source(AVFilterGraph* graph, const AVFrame* like) {
    AVFilterContext* source =
        library().graph_alloc_filter(graph, library().get_by_name("buffer"), "in");
    AVBufferSrcParameters* form = library().parameters_alloc();
    if (!source || !form) throw Failure(ExitCode::kFailed, "out of memory");
    form->format = like->format;
    form->width = like->width;
    form->height = like->height;
    form->time_base = kNanoseconds;
    form->sample_aspect_ratio = like->sample_aspect_ratio;
    set_colour(form, like);
    int status = library().parameters_set(source, form);
    av_free(form);
    if (status >= 0) status = library().init_str(source, nullptr);
    check(status, "buffer");
    return source;
}

}  // namespace

void FreeGraph::operator()(AVFilterGraph* graph) const { library().graph_free(&graph); }

Filter::Filter(const std::string& description, const AVFrame* like)
    : description_(description),
      graph_(library().graph_alloc()),
      format_(like->format),
      width_(like->width),
      height_(like->height),
      range_(like->color_range),
      matrix_(like->colorspace) {
    input_ = make_source(graph_.get(), like);
    check(library().graph_create_filter(&output_, library().get_by_name("buffersink"), "out",
                                        nullptr, nullptr, graph_.get()),
          "buffersink");
    AVFilterInOut* from = library().inout_alloc();
    AVFilterInOut* to = library().inout_alloc();
    if (!from || !to) throw Failure(ExitCode::kFailed, "out of memory");
    *from = {av_strdup("in"), input_, 0, nullptr};
    *to = {av_strdup("out"), output_, 0, nullptr};
    const int status =
        library().graph_parse_ptr(graph_.get(), description.c_str(), &to, &from, nullptr);
    library().inout_free(&from);
    library().inout_free(&to);
    check(status, description);
    check(library().graph_config(graph_.get(), nullptr), description);
}

bool Filter::takes(const AVFrame* frame) const {
    return frame->format == format_ && frame->width == width_ && frame->height == height_ &&
           frame->color_range == range_ && frame->colorspace == matrix_;
}

void Filter::push(Frame frame) { check(library().add_frame(input_, frame.get()), description_); }

Frame Filter::pull() {
    Frame frame = make_frame();
    const int status = library().get_frame(output_, frame.get());
    if (status == AVERROR(EAGAIN) || status == AVERROR_EOF) return nullptr;
    check(status, description_);
    const AVRational time_base = library().get_time_base(output_);
    frame->pts = av_rescale_q(frame->pts, time_base, kNanoseconds);
    return frame;
}

}  // namespace upscale
