// SPDX-License-Identifier: Apache-2.0
// Endurance: everything that applications do, in any order and for long; tests/soak has it run for
// longer. Every frame that the element took comes out, or is said to be dropped, or was inside when
// something said that what is inside goes: a seek, a stop, a failure downstream.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "tests/gst/test_element.h"

namespace {

constexpr int kFramesOfOne = 3000;  // elements come and go as well

int picture_of(guint64 number) { return static_cast<int>(20 + number % 200); }

// Totals of a run.
struct Account {
    guint64 in = 0;       // frames that the element took
    guint64 out = 0;      // came out
    guint64 dropped = 0;  // by the element, which has said so
    guint64 gone = 0;     // inside when it was told that they go
    guint64 latency = 0;  // of those that came out, summed up, in microseconds
};

// An element, its upstream and its downstream.
class Life {
  public:
    Life(unsigned seed, Account* account)
        : chance_(seed),
          speed_("FLASHVSR_STUB_CHUNK_MS", std::to_string(pick(4) == 0 ? pick(4) : 0)),
          account_(account),
          element_(std::make_unique<TestElement>(properties())) {
        gst_harness_set_drop_buffers(element_->harness(), TRUE);
        gst_pad_add_probe(element_->harness()->sinkpad, GST_PAD_PROBE_TYPE_BUFFER, arrive, this,
                          nullptr);
        set_caps();
    }
    ~Life() { element_.reset(); }
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    void live() {
        while (number_ < kFramesOfOne && !testing::Test::HasFailure()) {
            push(1 + pick(60));
            switch (pick(8)) {
                case 0: end_of_stream(); break;
                case 1: seek(); break;
                case 2: change_caps(); break;
                case 3: restart(); break;
                case 4: lose_downstream(); break;
                case 5: change_settings(); break;
                case 6: gap(); break;
                default: break;
            }
        }
        end_of_stream();
    }

  private:
    unsigned pick(unsigned count) { return chance_() % count; }

    std::string properties() {
        const char* const overload[] = {"block", "drop", "bicubic"};
        const char* const startup[] = {"reference", "fast"};
        const char* const scene_cut[] = {"off", "reset"};
        return std::string("overload=") + overload[pick(3)] + " startup=" + startup[pick(2)] +
               " scene-cut=" + scene_cut[pick(2)] +
               " temporal-compression=" + std::to_string(1 << pick(3));
    }

    // ---- upstream ----

    void set_caps() {
        const char* const formats[] = {"format=I420", "format=NV12", "format=RGB"};
        const std::string before = caps_;
        while (caps_ == before) {
            caps_ = video_caps(6 + 2 * static_cast<int>(pick(3)), 4, formats[pick(3)]);
        }
        element_->set_caps(caps_);
    }

    void push(unsigned count) {
        for (unsigned i = 0; i < count; i++) {
            GstBuffer* buffer = make_frame(caps_, picture_of(number_));
            GST_BUFFER_PTS(buffer) = number_ * kPeriod;
            GST_BUFFER_DURATION(buffer) = kPeriod;
            pushed_at_[number_ % kFramesOfOne] = g_get_monotonic_time();
            number_++;
            if (element_->push(buffer) == GST_FLOW_OK) {
                in_++;
            } else {
                excused_ = true;
            }
        }
    }

    void segment() {
        GstSegment segment;
        gst_segment_init(&segment, GST_FORMAT_TIME);
        segment.start = segment.time = segment.position = number_ * kPeriod;
        element_->push_event(gst_event_new_segment(&segment));
    }

    void end_of_stream() {
        element_->push_event(gst_event_new_eos());
        settle(excused_);
        element_->push_event(gst_event_new_stream_start("another"));
        segment();
    }

    void seek() {
        element_->push_event(gst_event_new_flush_start());
        element_->push_event(gst_event_new_flush_stop(TRUE));
        settle(true);
        segment();
    }

    void change_caps() {
        set_caps();  // which waits for the frames inside
        settle(excused_);
    }

    void restart() {
        gst_element_set_state(element_->element(), GST_STATE_NULL);
        stats_before_ = 0;
        settle(true);
        gst_element_set_state(element_->element(), GST_STATE_PLAYING);
        element_->push_event(gst_event_new_stream_start("again"));
        set_caps();
        segment();
    }

    void change_settings() {
        g_object_set(element_->element(), "sparse-ratio", 1.0 + pick(3), "enabled",
                     gboolean(pick(4) > 0), nullptr);
    }

    void gap() {
        element_->push_event(gst_event_new_gap(number_ * kPeriod, 30 * kPeriod));
        number_ += 30;
    }

    // ---- downstream ----

    void lose_downstream() {
        constexpr GstFlowReturn kAnswers[] = {GST_FLOW_NOT_LINKED, GST_FLOW_EOS, GST_FLOW_ERROR};
        answer_ = kAnswers[pick(3)];
        excused_ = true;
        push(1 + pick(60));
        answer_ = GST_FLOW_OK;
        seek();
    }

    static GstPadProbeReturn arrive(GstPad* pad, GstPadProbeInfo* info, gpointer data) {
        auto* self = static_cast<Life*>(data);
        GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
        if (self->answer_ != GST_FLOW_OK) {
            GST_PAD_PROBE_INFO_FLOW_RETURN(info) = self->answer_;
            gst_buffer_unref(buffer);
            return GST_PAD_PROBE_HANDLED;
        }
        self->check(pad, buffer);
        return GST_PAD_PROBE_OK;
    }

    // Each once, in order, of this stretch, with its own picture.
    void check(GstPad* pad, GstBuffer* buffer) {
        const guint64 number = GST_BUFFER_PTS(buffer) / kPeriod;
        EXPECT_GE(number, next_) << "out of order, or of before";
        next_ = number + 1;
        GstCaps* caps = gst_pad_get_current_caps(pad);
        EXPECT_EQ(frame_value(buffer, caps), picture_of(number)) << "frame " << number;
        gst_caps_unref(caps);
        out_++;
        account_->latency += g_get_monotonic_time() - pushed_at_[number % kFramesOfOne];
    }

    // ---- account ----

    // Closes the account of a stretch; `excused`: what is missing was inside and had to go.
    void settle(bool excused) {
        const guint64 total = count_of(element_->element(), "dropped");
        const guint64 dropped = total - std::exchange(stats_before_, total);
        if (excused) {
            EXPECT_LE(out_ + dropped, in_);
        } else {
            EXPECT_EQ(out_ + dropped, in_);
        }
        account_->in += in_;
        account_->out += out_;
        account_->dropped += dropped;
        account_->gone += in_ - out_ - dropped;
        in_ = out_ = 0;
        next_ = number_;
        excused_ = false;
    }

    std::mt19937 chance_;
    const Environment speed_;
    Account* const account_;
    std::unique_ptr<TestElement> element_;
    std::string caps_;
    guint64 number_ = 0;  // of the next frame in
    guint64 in_ = 0;      // of this stretch
    bool excused_ = false;
    guint64 stats_before_ = 0;
    // The pad's task writes these while frames are inside.
    std::atomic<GstFlowReturn> answer_{GST_FLOW_OK};
    std::atomic<guint64> next_{0}, out_{0};
    gint64 pushed_at_[kFramesOfOne] = {};
};

guint64 number_in(const char* variable, guint64 otherwise) {
    const char* text = getenv(variable);
    return text ? strtoull(text, nullptr, 10) : otherwise;
}

// What tests/soak reads: frames so far, and their latency since the line before.
class Progress {
  public:
    void show(const Account& now) {
        if (g_get_monotonic_time() - shown_ < G_USEC_PER_SEC || now.out == before_.out) return;
        shown_ = g_get_monotonic_time();
        printf("in=%" G_GUINT64_FORMAT " latency-ms=%.3f\n", now.in,
               static_cast<double>(now.latency - before_.latency) /
                   static_cast<double>(now.out - before_.out) / 1000);
        fflush(stdout);
        before_ = now;
    }

  private:
    gint64 shown_ = g_get_monotonic_time();
    Account before_;
};

TEST(Soak, EveryFrameIsAccountedFor) {
    constexpr guint64 kMin = 10000;
    const gint64 end =
        g_get_monotonic_time() + gint64(number_in("FLASHVSR_SOAK_SECONDS", 0)) * G_USEC_PER_SEC;
    Account account;
    Progress progress;
    auto seed = static_cast<unsigned>(number_in("FLASHVSR_SOAK_SEED", 1));
    while ((account.in < kMin || g_get_monotonic_time() < end) && !HasFailure()) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Life(seed++, &account).live();
        progress.show(account);
    }
    printf("%" G_GUINT64_FORMAT " frames in, %" G_GUINT64_FORMAT " out, %" G_GUINT64_FORMAT
           " dropped, %" G_GUINT64_FORMAT " inside when they had to go\n",
           account.in, account.out, account.dropped, account.gone);
    EXPECT_EQ(account.in, account.out + account.dropped + account.gone);
    EXPECT_GT(account.dropped, 0u);
}

}  // namespace
