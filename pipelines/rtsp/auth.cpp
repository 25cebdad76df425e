// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/auth.h"

#include <memory>
#include <utility>

#include "pipelines/live/access.h"
#include "pipelines/live/backoff.h"
#include "pipelines/live/guard.h"
#include "pipelines/rtsp/gate.h"

namespace rtsp {

namespace {

constexpr size_t kLongestShownName = 64;
constexpr char kLoginKey[] = "flashvsr-login";

// What is remembered of a connection.
struct Login {
    const std::string nonce = pipelines::make_token();
    std::string accepted;  // credentials of Basic, which need not be hashed again
    bool passed = false;   // the newest credentials were right
    bool stale = false;    // they were right for the nonce of another connection
    int64_t wait = 0;      // they have not been looked at, for so long, in microseconds
};

enum class Verdict { kRight, kWrong, kStale, kNone };

Login* login_of(GstRTSPClient* client) {
    auto* login = static_cast<Login*>(g_object_get_data(G_OBJECT(client), kLoginKey));
    if (login) return login;
    login = new Login;
    g_object_set_data_full(G_OBJECT(client), kLoginKey, login,
                           [](gpointer data) { delete static_cast<Login*>(data); });
    return login;
}

// A parameter of one credential of Digest.
std::string parameter(const GstRTSPAuthCredential& credential, const char* name) {
    for (GstRTSPAuthParam** at = credential.params; at && *at; ++at) {
        if (g_ascii_strcasecmp((*at)->name, name) == 0) return (*at)->value ? (*at)->value : "";
    }
    return {};
}

// As the log takes it: a peer may call itself anything.
std::string shown_name(const std::string& name) {
    const bool cut = name.size() > kLongestShownName;
    gchar* text = g_strescape(name.substr(0, kLongestShownName).c_str(), nullptr);
    const std::string shown = "'" + std::string(text) + (cut ? "...'" : "'");
    g_free(text);
    return shown;
}

// Checks credentials against the users.
class Checker {
  public:
    Checker(Users users, GstRTSPToken* token, std::function<void(const std::string&)> say)
        : users_(std::move(users)), token_(token), say_(std::move(say)) {}
    ~Checker() { gst_rtsp_token_unref(token_); }
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // Sets the token of the request where it may pass.
    void authenticate(GstRTSPContext* context);
    // What an answer that refuses it says.
    void challenge(GstRTSPContext* context) const;

  private:
    Verdict check(const GstRTSPContext& context, Login* login, std::string* name) const;
    Verdict check_basic(const char* authorization, Login* login, std::string* name) const;
    Verdict check_digest(const GstRTSPAuthCredential& credential, GstRTSPMethod method,
                         const Login& login, std::string* name) const;

    const Users users_;
    GstRTSPToken* const token_;
    const std::function<void(const std::string&)> say_;
    pipelines::Backoff backoff_;
};

void Checker::authenticate(GstRTSPContext* context) {
    context->token = nullptr;
    if (users_.kind() == Users::Kind::kNobody) {
        context->token = token_;
        return;
    }
    const gchar* header = nullptr;
    gst_rtsp_message_get_header(context->request, GST_RTSP_HDR_AUTHORIZATION,
                                const_cast<gchar**>(&header), 0);
    Login* login = login_of(context->client);
    login->stale = false;
    login->wait = 0;
    if (!header) return;
    const std::string address = pipelines::network_of(gst_rtsp_connection_get_ip(context->conn));
    if (!login->passed) login->wait = backoff_.wait(address, g_get_monotonic_time());
    if (login->wait > 0) return;
    std::string name;
    const Verdict verdict = check(*context, login, &name);
    login->passed = verdict == Verdict::kRight;
    login->stale = verdict == Verdict::kStale;
    if (login->passed) context->token = token_;
    if (verdict != Verdict::kWrong) return;
    const int64_t wait = backoff_.fail(address, g_get_monotonic_time());
    say_("wrong password from " + address + " for " + shown_name(name) + "; its next one in " +
         std::to_string(wait / G_USEC_PER_SEC) + " s at the earliest");
}

Verdict Checker::check(const GstRTSPContext& context, Login* login, std::string* name) const {
    GstRTSPAuthCredential** credentials =
        gst_rtsp_message_parse_auth_credentials(context.request, GST_RTSP_HDR_AUTHORIZATION);
    Verdict verdict = Verdict::kNone;
    if (credentials && *credentials) {
        const GstRTSPAuthCredential& first = **credentials;
        if (users_.kind() == Users::Kind::kHashes && first.scheme == GST_RTSP_AUTH_BASIC) {
            verdict = check_basic(first.authorization, login, name);
        } else if (users_.kind() == Users::Kind::kDigest && first.scheme == GST_RTSP_AUTH_DIGEST) {
            verdict = check_digest(first, context.method, *login, name);
        }
    }
    if (credentials) gst_rtsp_auth_credentials_free(credentials);
    return verdict;
}

Verdict Checker::check_basic(const char* authorization, Login* login, std::string* name) const {
    if (!authorization) return Verdict::kNone;
    if (!login->accepted.empty() && pipelines::same_secret(authorization, login->accepted)) {
        return Verdict::kRight;
    }
    gsize size = 0;
    guchar* bytes = g_base64_decode(authorization, &size);
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    g_free(bytes);
    const size_t colon = text.find(':');
    *name = text.substr(0, colon);
    if (colon == std::string::npos || text.find('\0') != std::string::npos ||
        !users_.check(*name, text.substr(colon + 1))) {
        return Verdict::kWrong;
    }
    login->accepted = authorization;
    return Verdict::kRight;
}

Verdict Checker::check_digest(const GstRTSPAuthCredential& credential, GstRTSPMethod method,
                              const Login& login, std::string* name) const {
    *name = parameter(credential, "username");
    const std::string nonce = parameter(credential, "nonce");
    const std::string ha1 = users_.ha1(*name);
    gchar* expected = gst_rtsp_generate_digest_auth_response_from_md5(
        nullptr, gst_rtsp_method_as_text(method), ha1.c_str(), parameter(credential, "uri").c_str(),
        nonce.c_str());
    const bool right = expected && !ha1.empty() &&
                       pipelines::same_secret(expected, parameter(credential, "response"));
    g_free(expected);
    if (!right) return Verdict::kWrong;
    return nonce == login.nonce ? Verdict::kRight : Verdict::kStale;
}

void Checker::challenge(GstRTSPContext* context) const {
    const Login* login = login_of(context->client);
    GstRTSPMessage* answer = context->response;
    if (login->wait > 0) {
        auto* response = &answer->type_data.response;
        response->code = GST_RTSP_STS_SERVICE_UNAVAILABLE;
        g_free(response->reason);
        response->reason = g_strdup(gst_rtsp_status_as_text(response->code));
        const int64_t seconds = login->wait / G_USEC_PER_SEC + 1;
        gst_rtsp_message_add_header(answer, GST_RTSP_HDR_RETRY_AFTER,
                                    std::to_string(seconds).c_str());
        return;
    }
    std::string asks = users_.kind() == Users::Kind::kHashes ? "Basic" : "Digest";
    asks += " realm=\"" + users_.realm() + "\"";
    if (users_.kind() == Users::Kind::kDigest) {
        asks += ", nonce=\"" + login->nonce + "\"";
        if (login->stale) asks += ", stale=\"TRUE\"";
    }
    gst_rtsp_message_add_header(answer, GST_RTSP_HDR_WWW_AUTHENTICATE, asks.c_str());
}

}  // namespace

}  // namespace rtsp

// ---- GObject ---------------------------------------------------------------------------------

struct FlashvsrRtspAuth {
    GstRTSPAuth parent;
    rtsp::Checker* checker;
    bool udp;
};
struct FlashvsrRtspAuthClass {
    GstRTSPAuthClass parent;
};

G_DEFINE_TYPE(FlashvsrRtspAuth, flashvsr_rtsp_auth, GST_TYPE_RTSP_AUTH)

static rtsp::Checker* checker_of(gpointer auth) {
    return static_cast<FlashvsrRtspAuth*>(auth)->checker;
}

// True in any case: who gets no token is refused.
static gboolean flashvsr_rtsp_auth_authenticate(GstRTSPAuth* auth, GstRTSPContext* context) {
    pipelines::guarded("a login", [&] { checker_of(auth)->authenticate(context); });
    return TRUE;
}

static void flashvsr_rtsp_auth_challenge(GstRTSPAuth* auth, GstRTSPContext* context) {
    pipelines::guarded("a login", [&] { checker_of(auth)->challenge(context); });
}

static gboolean refuse(GstRTSPContext* context, GstRTSPStatusCode status) {
    gst_rtsp_message_init_response(context->response, status, gst_rtsp_status_as_text(status),
                                   context->request);
    gst_rtsp_client_send_message(context->client, nullptr, context->response);
    return FALSE;
}

static gboolean flashvsr_rtsp_auth_check(GstRTSPAuth* auth, GstRTSPContext* context,
                                         const gchar* check) {
    const auto passes = GST_RTSP_AUTH_CLASS(flashvsr_rtsp_auth_parent_class)->check;
    if (!g_str_equal(check, GST_RTSP_AUTH_CHECK_URL)) return passes(auth, context, check);
    // First of all: even who is refused has been put down as one to be told of the session's end.
    if (rtsp::forget_foreign_session(context)) {
        return refuse(context, GST_RTSP_STS_SESSION_NOT_FOUND);
    }
    if (!passes(auth, context, check)) return FALSE;
    const GstRTSPStatusCode status =
        pipelines::guarded("a request", GST_RTSP_STS_INTERNAL_SERVER_ERROR, [&] {
            return rtsp::restrict_request(
                context, static_cast<FlashvsrRtspAuth*>(static_cast<gpointer>(auth))->udp);
        });
    return status == GST_RTSP_STS_OK ? TRUE : refuse(context, status);
}

static void flashvsr_rtsp_auth_finalize(GObject* object) {
    delete checker_of(object);
    G_OBJECT_CLASS(flashvsr_rtsp_auth_parent_class)->finalize(object);
}

static void flashvsr_rtsp_auth_class_init(FlashvsrRtspAuthClass* klass) {
    klass->parent.authenticate = flashvsr_rtsp_auth_authenticate;
    klass->parent.check = flashvsr_rtsp_auth_check;
    klass->parent.generate_authenticate_header = flashvsr_rtsp_auth_challenge;
    G_OBJECT_CLASS(klass)->finalize = flashvsr_rtsp_auth_finalize;
}

static void flashvsr_rtsp_auth_init(FlashvsrRtspAuth*) {}

namespace rtsp {

GstRTSPAuth* auth_new(Users users, const char* role, bool udp,
                      std::function<void(const std::string& line)> say) {
    auto* auth =
        static_cast<FlashvsrRtspAuth*>(g_object_new(flashvsr_rtsp_auth_get_type(), nullptr));
    GstRTSPToken* token =
        gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, role, nullptr);
    auth->checker = new Checker(std::move(users), token, std::move(say));
    auth->udp = udp;
    return GST_RTSP_AUTH(auth);
}

}  // namespace rtsp
