// SPDX-License-Identifier: Apache-2.0
#include "pipelines/live/metered_stream.h"

namespace {

using pipelines::Meter;

// What stream, input and output have in common.
struct Core {
    GIOStream* base;
    std::shared_ptr<Meter> meter;
    bool refused = false;

    Core(GIOStream* stream, std::shared_ptr<Meter> watching)
        : base(G_IO_STREAM(g_object_ref(stream))), meter(std::move(watching)) {}
    ~Core() {
        meter->on_closed();
        g_object_unref(base);
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    GInputStream* input() const { return g_io_stream_get_input_stream(base); }
    GOutputStream* output() const { return g_io_stream_get_output_stream(base); }

    gssize taken(const void* data, gssize size, GError** error) {
        if (size <= 0) return size;
        if (!refused && meter->on_read(static_cast<const uint8_t*>(data), size)) return size;
        if (!refused) {
            const std::string words = meter->last_words();
            if (!words.empty()) {
                g_pollable_output_stream_write_nonblocking(G_POLLABLE_OUTPUT_STREAM(output()),
                                                           words.data(), words.size(), nullptr,
                                                           nullptr);
            }
        }
        refused = true;
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED,
                            "the peer has sent more than is allowed");
        return -1;
    }

    gssize given(gssize size) const {
        if (size > 0) {
            meter->on_written(size);
        } else {
            meter->on_blocked();
        }
        return size;
    }
};

using Shared = std::shared_ptr<Core>;

}  // namespace

// ---- Input -----------------------------------------------------------------------------------

struct MeteredInput {
    GInputStream parent;
    Shared* core;
};
struct MeteredInputClass {
    GInputStreamClass parent;
};

static void metered_input_pollable(GPollableInputStreamInterface* interface);

G_DEFINE_TYPE_WITH_CODE(MeteredInput, metered_input, G_TYPE_INPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM, metered_input_pollable))

static Core* core_of(gpointer input) { return static_cast<MeteredInput*>(input)->core->get(); }

static gssize metered_input_read(GInputStream* stream, void* buffer, gsize size,
                                 GCancellable* cancellable, GError** error) {
    Core* core = core_of(stream);
    return core->taken(buffer, g_input_stream_read(core->input(), buffer, size, cancellable, error),
                       error);
}

static gssize metered_input_read_nonblocking(GPollableInputStream* stream, void* buffer, gsize size,
                                             GError** error) {
    Core* core = core_of(stream);
    auto* input = G_POLLABLE_INPUT_STREAM(core->input());
    return core->taken(
        buffer, g_pollable_input_stream_read_nonblocking(input, buffer, size, nullptr, error),
        error);
}

static gboolean metered_input_is_readable(GPollableInputStream* stream) {
    return g_pollable_input_stream_is_readable(G_POLLABLE_INPUT_STREAM(core_of(stream)->input()));
}

static GSource* metered_input_create_source(GPollableInputStream* stream,
                                            GCancellable* cancellable) {
    GSource* source = g_pollable_input_stream_create_source(
        G_POLLABLE_INPUT_STREAM(core_of(stream)->input()), nullptr);
    GSource* result = g_pollable_source_new_full(stream, source, cancellable);
    g_source_unref(source);
    return result;
}

static void metered_input_finalize(GObject* object) {
    delete reinterpret_cast<MeteredInput*>(object)->core;
    G_OBJECT_CLASS(metered_input_parent_class)->finalize(object);
}

static void metered_input_pollable(GPollableInputStreamInterface* interface) {
    interface->read_nonblocking = metered_input_read_nonblocking;
    interface->is_readable = metered_input_is_readable;
    interface->create_source = metered_input_create_source;
}

static void metered_input_class_init(MeteredInputClass* klass) {
    klass->parent.read_fn = metered_input_read;
    G_OBJECT_CLASS(klass)->finalize = metered_input_finalize;
}

static void metered_input_init(MeteredInput*) {}

// ---- Output ----------------------------------------------------------------------------------

struct MeteredOutput {
    GOutputStream parent;
    Shared* core;
};
struct MeteredOutputClass {
    GOutputStreamClass parent;
};

static void metered_output_pollable(GPollableOutputStreamInterface* interface);

G_DEFINE_TYPE_WITH_CODE(MeteredOutput, metered_output, G_TYPE_OUTPUT_STREAM,
                        G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_OUTPUT_STREAM,
                                              metered_output_pollable))

static Core* core_of_output(gpointer output) {
    return static_cast<MeteredOutput*>(output)->core->get();
}

static gssize metered_output_write(GOutputStream* stream, const void* buffer, gsize size,
                                   GCancellable* cancellable, GError** error) {
    const Core* core = core_of_output(stream);
    return core->given(g_output_stream_write(core->output(), buffer, size, cancellable, error));
}

static gssize metered_output_write_nonblocking(GPollableOutputStream* stream, const void* buffer,
                                               gsize size, GError** error) {
    const Core* core = core_of_output(stream);
    auto* output = G_POLLABLE_OUTPUT_STREAM(core->output());
    return core->given(
        g_pollable_output_stream_write_nonblocking(output, buffer, size, nullptr, error));
}

static gboolean metered_output_is_writable(GPollableOutputStream* stream) {
    return g_pollable_output_stream_is_writable(
        G_POLLABLE_OUTPUT_STREAM(core_of_output(stream)->output()));
}

static GSource* metered_output_create_source(GPollableOutputStream* stream,
                                             GCancellable* cancellable) {
    GSource* source = g_pollable_output_stream_create_source(
        G_POLLABLE_OUTPUT_STREAM(core_of_output(stream)->output()), nullptr);
    GSource* result = g_pollable_source_new_full(stream, source, cancellable);
    g_source_unref(source);
    return result;
}

static void metered_output_finalize(GObject* object) {
    delete reinterpret_cast<MeteredOutput*>(object)->core;
    G_OBJECT_CLASS(metered_output_parent_class)->finalize(object);
}

static void metered_output_pollable(GPollableOutputStreamInterface* interface) {
    interface->write_nonblocking = metered_output_write_nonblocking;
    interface->is_writable = metered_output_is_writable;
    interface->create_source = metered_output_create_source;
}

static void metered_output_class_init(MeteredOutputClass* klass) {
    klass->parent.write_fn = metered_output_write;
    G_OBJECT_CLASS(klass)->finalize = metered_output_finalize;
}

static void metered_output_init(MeteredOutput*) {}

// ---- Both ------------------------------------------------------------------------------------

struct MeteredStream {
    GIOStream parent;
    Shared* core;
    GInputStream* input;
    GOutputStream* output;
};
struct MeteredStreamClass {
    GIOStreamClass parent;
};

G_DEFINE_TYPE(MeteredStream, metered_stream, G_TYPE_IO_STREAM)

static MeteredStream* metered(gpointer stream) { return static_cast<MeteredStream*>(stream); }

static GInputStream* metered_stream_input(GIOStream* stream) { return metered(stream)->input; }

static GOutputStream* metered_stream_output(GIOStream* stream) { return metered(stream)->output; }

static gboolean metered_stream_close(GIOStream* stream, GCancellable* cancellable, GError** error) {
    const Shared core = *metered(stream)->core;
    core->meter->on_closing();
    return g_io_stream_close(core->base, cancellable, error);
}

static void on_base_closed(GObject* base, GAsyncResult* result, gpointer task) {
    GError* error = nullptr;
    if (g_io_stream_close_finish(G_IO_STREAM(base), result, &error)) {
        g_task_return_boolean(G_TASK(task), TRUE);
    } else {
        g_task_return_error(G_TASK(task), error);
    }
    g_object_unref(task);
}

// Not in a thread, as GIOStream's own.
static void metered_stream_close_async(GIOStream* stream, int priority, GCancellable* cancellable,
                                       GAsyncReadyCallback callback, gpointer data) {
    GTask* task = g_task_new(stream, cancellable, callback, data);
    g_io_stream_close_async((*metered(stream)->core)->base, priority, cancellable, on_base_closed,
                            task);
}

static gboolean metered_stream_close_finish(GIOStream*, GAsyncResult* result, GError** error) {
    return g_task_propagate_boolean(G_TASK(result), error);
}

static void metered_stream_finalize(GObject* object) {
    g_object_unref(metered(object)->input);
    g_object_unref(metered(object)->output);
    delete metered(object)->core;
    G_OBJECT_CLASS(metered_stream_parent_class)->finalize(object);
}

static void metered_stream_class_init(MeteredStreamClass* klass) {
    klass->parent.get_input_stream = metered_stream_input;
    klass->parent.get_output_stream = metered_stream_output;
    klass->parent.close_fn = metered_stream_close;
    klass->parent.close_async = metered_stream_close_async;
    klass->parent.close_finish = metered_stream_close_finish;
    G_OBJECT_CLASS(klass)->finalize = metered_stream_finalize;
}

static void metered_stream_init(MeteredStream*) {}

namespace pipelines {

GIOStream* metered_stream_new(GIOStream* base, std::shared_ptr<Meter> meter) {
    const auto core = std::make_shared<Core>(base, std::move(meter));
    auto* input = g_object_new(metered_input_get_type(), nullptr);
    static_cast<MeteredInput*>(input)->core = new Shared(core);
    auto* output = g_object_new(metered_output_get_type(), nullptr);
    static_cast<MeteredOutput*>(output)->core = new Shared(core);
    auto* stream = metered(g_object_new(metered_stream_get_type(), nullptr));
    stream->core = new Shared(core);
    stream->input = G_INPUT_STREAM(input);
    stream->output = G_OUTPUT_STREAM(output);
    return G_IO_STREAM(stream);
}

}  // namespace pipelines
