// SPDX-License-Identifier: Apache-2.0
#include "pipelines/rtsp/auth.h"

#include <memory>
#include <utility>
#include <vector>

#include "pipelines/live/access.h"
#include "pipelines/live/backoff.h"
#include "pipelines/live/guard.h"
#include "pipelines/rtsp/connection.h"
#include "pipelines/rtsp/gate.h"
#include "pipelines/rtsp/limits.h"
#include "pipelines/rtsp/password_thread.h"

namespace rtsp {

namespace {

constexpr size_t kLongestShownName = 64;
constexpr char kLoginKey[] = "flashvsr-login";

enum class Verdict { kRight, kWrong, kStale, kNone };

using Request = std::unique_ptr<GstRTSPMessage, decltype(&gst_rtsp_message_free)>;

// What is remembered of a connection, on its thread.
struct Login {
    const std::string nonce = pipelines::make_token();
    bool passed = false;  // the newest credentials were right
    bool stale = false;   // they were right for the nonce of another connection
    int64_t wait = 0;     // they have not been looked at, for so long, in microseconds
    // For Basic:
    std::string hashed;                // the newest credentials that have been
    Verdict verdict = Verdict::kNone;  // on those
    bool told = true;                  // it has been
    std::vector<Request> held;         // until the next verdict, in their order
    bool closed = false;               // nobody hears any verdict
};

void on_closed(GstRTSPClient*, gpointer login) { static_cast<Login*>(login)->closed = true; }

Login* login_of(GstRTSPClient* client) {
    auto* login = static_cast<Login*>(g_object_get_data(G_OBJECT(client), kLoginKey));
    if (login) return login;
    login = new Login;
    g_object_set_data_full(G_OBJECT(client), kLoginKey, login,
                           [](gpointer data) { delete static_cast<Login*>(data); });
    g_signal_connect(client, "closed", G_CALLBACK(on_closed), login);
    return login;
}

// A parameter of one credential of Digest.
std::string parameter(const GstRTSPAuthCredential& credential, const char* name) {
    for (GstRTSPAuthParam** at = credential.params; at && *at; ++at) {
        if (g_ascii_strcasecmp((*at)->name, name) == 0) return (*at)->value ? (*at)->value : "";
    }
    return {};
}

std::string address_of(const GstRTSPContext& context) {
    return pipelines::network_of(gst_rtsp_connection_get_ip(context.conn));
}

// As the log takes it: a peer may call itself anything.
std::string shown_name(const std::string& name) {
    const bool cut = name.size() > kLongestShownName;
    gchar* text = g_strescape(name.substr(0, kLongestShownName).c_str(), nullptr);
    const std::string shown = "'" + std::string(text) + (cut ? "...'" : "'");
    g_free(text);
    return shown;
}

// The credentials of Basic, where they are the first ones of a request: others are not looked at.
std::string basic_of(const GstRTSPMessage* request) {
    GstRTSPAuthCredential** all = gst_rtsp_message_parse_auth_credentials(
        const_cast<GstRTSPMessage*>(request), GST_RTSP_HDR_AUTHORIZATION);
    std::string basic;
    if (all && *all && (*all)->scheme == GST_RTSP_AUTH_BASIC && (*all)->authorization) {
        basic = (*all)->authorization;
    }
    if (all) gst_rtsp_auth_credentials_free(all);
    return basic;
}

// Has the held requests handled, as if they came now.
void tell(GstRTSPClient* client, const std::string& credentials, Verdict verdict, int64_t wait) {
    Login* login = login_of(client);
    login->hashed = credentials;
    login->verdict = verdict;
    login->told = false;
    login->wait = wait;
    std::vector<Request> held;
    held.swap(login->held);
    for (const Request& request : held) {
        if (!login->closed) gst_rtsp_client_handle_message(client, request.get());
    }
}

// Checks credentials against the users.
class Checker {
  public:
    Checker(Users users, GstRTSPToken* token, std::function<void(const std::string&)> say)
        : users_(std::move(users)), token_(token), say_(std::move(say)) {
        if (users_.kind() == Users::Kind::kHashes) thread_ = std::make_unique<PasswordThread>();
    }
    ~Checker() { gst_rtsp_token_unref(token_); }
    Checker(const Checker&) = delete;
    Checker& operator=(const Checker&) = delete;

    // Whether the request is kept until there is a verdict on its password, and is to get no
    // answer before.
    bool hold(const GstRTSPContext& context);
    // Sets the token of the request where it may pass.
    void authenticate(GstRTSPContext* context);
    // What an answer that refuses it says.
    void challenge(GstRTSPContext* context) const;

  private:
    Verdict check_digest(const GstRTSPContext& context, Login* login);
    Verdict look_at_digest(const GstRTSPAuthCredential& credential, GstRTSPMethod method,
                           const Login& login, std::string* name) const;
    void hash(const std::string& credentials, const GstRTSPContext& context, bool passed);
    Verdict check_basic(const std::string& credentials, const std::string& address);
    void fail(const std::string& address, const std::string& name);

    const Users users_;
    GstRTSPToken* const token_;
    const std::function<void(const std::string&)> say_;
    pipelines::Backoff backoff_;
    std::unique_ptr<PasswordThread> thread_;  // where there are hashes
};

void Checker::authenticate(GstRTSPContext* context) {
    context->token = nullptr;
    if (users_.kind() == Users::Kind::kNobody) {
        context->token = token_;
        return;
    }
    gchar* header = nullptr;
    gst_rtsp_message_get_header(context->request, GST_RTSP_HDR_AUTHORIZATION, &header, 0);
    Login* login = login_of(context->client);
    login->stale = false;
    if (users_.kind() == Users::Kind::kDigest) login->wait = 0;
    if (!header) return;
    Verdict verdict = Verdict::kNone;
    if (users_.kind() == Users::Kind::kDigest) {
        verdict = check_digest(*context, login);
    } else if (pipelines::same_secret(basic_of(context->request), login->hashed)) {
        verdict = login->verdict;
    }
    login->passed = verdict == Verdict::kRight;
    login->stale = verdict == Verdict::kStale;
    if (login->passed) context->token = token_;
}

void Checker::fail(const std::string& address, const std::string& name) {
    const int64_t wait = backoff_.fail(address, g_get_monotonic_time());
    say_("wrong password from " + address + " for " + shown_name(name) + "; its next one in " +
         std::to_string(wait / G_USEC_PER_SEC) + " s at the earliest");
}

// ---- Basic -----------------------------------------------------------------------------------

bool Checker::hold(const GstRTSPContext& context) {
    if (users_.kind() != Users::Kind::kHashes) return false;
    Login* login = login_of(context.client);
    if (login->held.empty()) {
        // All others are of sessions, whose SETUP has passed, or for everybody.
        if (context.method != GST_RTSP_DESCRIBE && context.method != GST_RTSP_SETUP) return false;
        const std::string credentials = basic_of(context.request);
        if (pipelines::same_secret(credentials, login->hashed) &&
            (!login->told || login->verdict == Verdict::kRight)) {
            login->told = true;
            return false;
        }
        login->wait = 0;
        if (credentials.empty()) return false;
        if (!login->passed) {
            login->wait = backoff_.wait(address_of(context), g_get_monotonic_time());
            if (login->wait > 0) return false;
        }
        hash(credentials, context, login->passed);
    } else if (login->held.size() == limits::kHeld) {
        connection_of(context.client)->drop();
        return true;
    }
    GstRTSPMessage* request = nullptr;
    gst_rtsp_message_copy(context.request, &request);
    login->held.emplace_back(request, gst_rtsp_message_free);
    return true;
}

// passed: the connection, which then need not wait.
void Checker::hash(const std::string& credentials, const GstRTSPContext& context, bool passed) {
    struct Result {
        Verdict verdict = Verdict::kNone;
        int64_t wait = 0;
    };
    const auto result = std::make_shared<Result>();
    // The client keeps this object.
    const std::shared_ptr<GstRTSPClient> client(GST_RTSP_CLIENT(g_object_ref(context.client)),
                                                g_object_unref);
    const auto look = [=, address = address_of(context)] {
        pipelines::guarded("a login", [&] {
            // One before it may have been wrong.
            if (!passed) result->wait = backoff_.wait(address, g_get_monotonic_time());
            if (result->wait == 0) result->verdict = check_basic(credentials, address);
        });
    };
    thread_->ask(look, [=] {
        pipelines::guarded("a login",
                           [&] { tell(client.get(), credentials, result->verdict, result->wait); });
    });
}

// On the passwords' thread.
Verdict Checker::check_basic(const std::string& credentials, const std::string& address) {
    gsize size = 0;
    guchar* bytes = g_base64_decode(credentials.c_str(), &size);
    const std::string text(reinterpret_cast<const char*>(bytes), size);
    g_free(bytes);
    const size_t colon = text.find(':');
    const std::string name = text.substr(0, colon);
    if (colon != std::string::npos && text.find('\0') == std::string::npos &&
        users_.check(name, text.substr(colon + 1))) {
        return Verdict::kRight;
    }
    fail(address, name);
    return Verdict::kWrong;
}

// ---- Digest ----------------------------------------------------------------------------------

Verdict Checker::check_digest(const GstRTSPContext& context, Login* login) {
    const std::string address = address_of(context);
    if (!login->passed) login->wait = backoff_.wait(address, g_get_monotonic_time());
    if (login->wait > 0) return Verdict::kNone;
    GstRTSPAuthCredential** credentials =
        gst_rtsp_message_parse_auth_credentials(context.request, GST_RTSP_HDR_AUTHORIZATION);
    Verdict verdict = Verdict::kNone;
    std::string name;
    if (credentials && *credentials && (*credentials)->scheme == GST_RTSP_AUTH_DIGEST) {
        verdict = look_at_digest(**credentials, context.method, *login, &name);
    }
    if (credentials) gst_rtsp_auth_credentials_free(credentials);
    if (verdict == Verdict::kWrong) fail(address, name);
    return verdict;
}

Verdict Checker::look_at_digest(const GstRTSPAuthCredential& credential, GstRTSPMethod method,
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
    const bool held =
        pipelines::guarded("a login", true, [&] { return checker_of(auth)->hold(*context); });
    if (held || !passes(auth, context, check)) return FALSE;
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
