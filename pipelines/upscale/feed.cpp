#include "pipelines/upscale/feed.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "pipelines/upscale/paths.h"

namespace upscale {

namespace {

std::string image_type(const std::string& path) {
    const std::string ending = ending_of(path);
    if (ending == "jpg") return "image/jpeg";
    if (ending == "tif") return "image/tiff";
    return "image/" + ending;
}

}  // namespace

Feed::Feed(GstElement* appsrc, const Source& source, double fps, size_t first)
    : appsrc_(appsrc), source_(source), position_(first) {
    const bool images = source.kind() == Source::Kind::kImages;
    gst_util_double_to_fraction(fps, &fps_n_, &fps_d_);
    g_object_set(appsrc, "format", images ? GST_FORMAT_TIME : GST_FORMAT_BYTES, nullptr);
    GstCaps* type = caps();
    gst_app_src_set_caps(GST_APP_SRC(appsrc), type);
    gst_caps_unref(type);
    GstAppSrcCallbacks callbacks{};
    callbacks.need_data = on_need_data;
    gst_app_src_set_callbacks(GST_APP_SRC(appsrc), &callbacks, this, nullptr);
}

GstCaps* Feed::caps() const {
    if (source_.kind() == Source::Kind::kPipe) {
        return gst_caps_new_simple("application/x-yuv4mpeg", "y4mversion", G_TYPE_INT, 2, nullptr);
    }
    return gst_caps_new_simple(image_type(source_.path()).c_str(), "framerate", GST_TYPE_FRACTION,
                               fps_n_, fps_d_, nullptr);
}

void Feed::on_need_data(GstAppSrc* appsrc, guint, gpointer self) {
    GstBuffer* buffer = static_cast<Feed*>(self)->next();
    if (buffer) {
        ++static_cast<Feed*>(self)->handed_;
        gst_app_src_push_buffer(appsrc, buffer);
    } else {
        gst_app_src_end_of_stream(appsrc);
    }
}

GstBuffer* Feed::next() {
    return source_.kind() == Source::Kind::kImages ? next_image() : next_bytes();
}

GstBuffer* Feed::next_image() {
    if (position_ >= source_.images().size()) return nullptr;
    const std::string& path = source_.images()[position_];
    gchar* data = nullptr;
    gsize size = 0;
    GError* error = nullptr;
    if (!g_file_get_contents(path.c_str(), &data, &size, &error)) {
        GST_ELEMENT_ERROR(appsrc_, RESOURCE, READ, ("%s", error->message), (nullptr));
        g_error_free(error);
        return nullptr;
    }
    GstBuffer* buffer = gst_buffer_new_wrapped(data, size);
    const auto time = [this](guint64 frame) {
        return gst_util_uint64_scale(frame, fps_d_ * GST_SECOND, fps_n_);
    };
    GST_BUFFER_PTS(buffer) = time(position_);
    GST_BUFFER_DURATION(buffer) = time(position_ + 1) - time(position_);
    ++position_;
    return buffer;
}

GstBuffer* Feed::next_bytes() {
    if (position_ == 0) {
        position_ = 1;
        const std::string& head = source_.head();
        return gst_buffer_new_memdup(head.data(), head.size());
    }
    constexpr gsize kBlock = 1 << 20;
    auto* data = static_cast<guint8*>(g_malloc(kBlock));
    ssize_t count = 0;
    do {
        count = read(STDIN_FILENO, data, kBlock);
    } while (count < 0 && errno == EINTR);
    if (count > 0) return gst_buffer_new_wrapped_full({}, data, kBlock, 0, count, data, g_free);
    g_free(data);
    if (count < 0) {
        GST_ELEMENT_ERROR(appsrc_, RESOURCE, READ, ("standard input: %s", g_strerror(errno)),
                          (nullptr));
    }
    return nullptr;
}

}  // namespace upscale
