// The Node host: one engine on a thread of its own, fed through a queue. The only file that knows Node.
#include <napi.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "abi.h"

namespace {

// What may be in flight before submit and write wait for the engine.
constexpr size_t words_cap = size_t(1) << 18;
constexpr size_t bytes_cap = size_t(256) << 20;

// A read, or a fence if bytes is 0. The target is the memory of an ArrayBuffer that `array` keeps alive.
struct Request {
  uint32_t buffer = 0;
  size_t offset = 0, bytes = 0;
  void* target = nullptr;
  Napi::Reference<Napi::Value> array;
  napi_deferred deferred = nullptr;  // absent when a thread waits for it
  bool done = false;
  quern_failure failure{};
};

struct Task {
  std::vector<uint32_t> words;  // to run, or
  std::vector<char> bytes;      // to write to
  uint32_t buffer = 0;
  size_t offset = 0;
  Request* request = nullptr;  // or to answer
};

class Host : public Napi::ObjectWrap<Host> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Host",
                       {InstanceMethod<&Host::submit>("submit"), InstanceMethod<&Host::write>("write"),
                        InstanceMethod<&Host::read>("read"), InstanceMethod<&Host::read_sync>("readSync"),
                        InstanceMethod<&Host::adjust_memory>("adjustMemory"), InstanceMethod<&Host::info>("info"),
                        InstanceMethod<&Host::close>("close")});
  }

  // new Host(isa: string, threads: number)
  explicit Host(const Napi::CallbackInfo& args) : Napi::ObjectWrap<Host>(args), env_(args.Env()) {
    std::string isa = args[0].As<Napi::String>();
    engine_ = quern_open(isa.c_str(), args[1].As<Napi::Number>());
    if (!engine_) {
      Napi::Error::New(env_, "no instruction set named '" + isa + "'").ThrowAsJavaScriptException();
      return;
    }
    answer_ =
        Napi::ThreadSafeFunction::New(env_, Napi::Function::New(env_, [](const Napi::CallbackInfo&) {}), "quern", 0, 1);
    answer_.Unref(env_);
    napi_add_env_cleanup_hook(env_, shut_down, this);  // after the function's own hook, so that it runs before it
    thread_ = std::thread([this] { serve(); });
  }

  ~Host() override {
    if (engine_) napi_remove_env_cleanup_hook(env_, shut_down, this);
    shut_down(this);
  }

 private:
  static void shut_down(void* self) {
    Host& host = *static_cast<Host*>(self);
    if (!host.engine_) return;
    {
      std::lock_guard<std::mutex> lock(host.mutex_);
      host.stop_ = 1;
    }
    host.wake_.notify_all();
    host.thread_.join();
    host.answer_.Release();
    quern_close(host.engine_);
    host.engine_ = nullptr;
  }

  void serve() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return stop_ || !queue_.empty(); });
      if (stop_) return;
      Task task = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      execute(task);
      lock.lock();
      words_ -= task.words.size();
      bytes_ -= task.bytes.size();
      drained_.notify_all();
    }
  }

  void execute(Task& task) {
    if (!task.words.empty()) {
      quern_run(engine_, task.words.data(), task.words.size(), &stop_);
    } else if (Request* r = task.request) {
      int failed = r->buffer ? quern_read(engine_, r->buffer, r->offset, r->target, r->bytes) : 0;
      quern_error(engine_, &r->failure);
      if (failed && r->failure.kind == QUERN_OK) r->failure.kind = QUERN_POISONED;
      finish(r);
    } else {
      quern_write(engine_, task.buffer, task.offset, task.bytes.data(), task.bytes.size());
    }
  }

  void finish(Request* request) {
    if (request->deferred) {
      answer_.NonBlockingCall(request, [this](Napi::Env env, Napi::Function, Request* r) { settle(env, r); });
      return;
    }
    std::lock_guard<std::mutex> lock(mutex_);
    request->done = true;
  }

  static Napi::Value describe(Napi::Env env, const quern_failure& f) {
    Napi::Error error = Napi::Error::New(env, "the engine could not run a command");
    error.Set("kind", Napi::Number::New(env, f.kind));
    error.Set("opcode", Napi::Number::New(env, f.opcode));
    error.Set("buffer", Napi::Number::New(env, f.buffer));
    error.Set("bytes", Napi::Number::New(env, f.bytes));
    return error.Value();
  }

  void settle(Napi::Env env, Request* raw) {
    std::unique_ptr<Request> request(raw);
    if (--waiting_ == 0) answer_.Unref(env);
    if (request->failure.kind != QUERN_OK)
      napi_reject_deferred(env, request->deferred, describe(env, request->failure));
    else
      napi_resolve_deferred(env, request->deferred, env.Undefined());
  }

  bool closed(Napi::Env env) {
    if (engine_) return false;
    Napi::Error::New(env, "the engine is closed").ThrowAsJavaScriptException();
    return true;
  }

  void push(Task&& task) {
    std::unique_lock<std::mutex> lock(mutex_);
    drained_.wait(lock, [&] { return (words_ < words_cap && bytes_ < bytes_cap) || queue_.empty(); });
    words_ += task.words.size();
    bytes_ += task.bytes.size();
    queue_.push_back(std::move(task));
    lock.unlock();
    wake_.notify_one();
  }

  // submit(words: Uint32Array, count): copies the first count words
  void submit(const Napi::CallbackInfo& args) {
    if (closed(args.Env())) return;
    auto array = args[0].As<Napi::Uint32Array>();
    size_t count = args[1].As<Napi::Number>().Uint32Value();
    Task task;
    task.words.assign(array.Data(), array.Data() + count);
    push(std::move(task));
  }

  // write(buffer, byteOffset, data: TypedArray): copies the data
  void write(const Napi::CallbackInfo& args) {
    if (closed(args.Env())) return;
    auto array = args[2].As<Napi::TypedArray>();
    const char* data = static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    Task task;
    task.buffer = args[0].As<Napi::Number>();
    task.offset = size_t(args[1].As<Napi::Number>().DoubleValue());
    task.bytes.assign(data, data + array.ByteLength());
    push(std::move(task));
  }

  std::unique_ptr<Request> request(const Napi::CallbackInfo& args) {
    auto r = std::make_unique<Request>();
    if (args.Length() == 0) return r;
    r->buffer = args[0].As<Napi::Number>();
    r->offset = size_t(args[1].As<Napi::Number>().DoubleValue());
    auto array = args[2].As<Napi::ArrayBuffer>();
    r->bytes = array.ByteLength();
    r->target = array.Data();
    r->array = Napi::Reference<Napi::Value>::New(array, 1);
    return r;
  }

  // read(buffer, byteOffset, target: ArrayBuffer): Promise<void>; read(): likewise, once all before it has run
  Napi::Value read(const Napi::CallbackInfo& args) {
    Napi::Env env = args.Env();
    if (closed(env)) return env.Undefined();
    std::unique_ptr<Request> r = request(args);
    napi_value promise = nullptr;  // in a thread that is being ended there is none
    if (napi_create_promise(env, &r->deferred, &promise) != napi_ok) return env.Undefined();
    if (waiting_++ == 0) answer_.Ref(env);
    Task task;
    task.request = r.release();
    push(std::move(task));
    return Napi::Value(env, promise);
  }

  // readSync(…) as read, but waits
  Napi::Value read_sync(const Napi::CallbackInfo& args) {
    Napi::Env env = args.Env();
    if (closed(env)) return env.Undefined();
    std::unique_ptr<Request> r = request(args);
    Task task;
    task.request = r.get();
    push(std::move(task));
    {
      std::unique_lock<std::mutex> lock(mutex_);
      drained_.wait(lock, [&] { return r->done; });
    }
    if (r->failure.kind != QUERN_OK) napi_throw(env, describe(env, r->failure));
    return env.Undefined();
  }

  // adjustMemory(bytes): tells the garbage collector how much more (or less) JS objects keep alive here
  void adjust_memory(const Napi::CallbackInfo& args) {
    Napi::MemoryManagement::AdjustExternalMemory(args.Env(), int64_t(args[0].As<Napi::Number>().DoubleValue()));
  }

  Napi::Value info(const Napi::CallbackInfo& args) {
    Napi::Env env = args.Env();
    if (closed(env)) return env.Undefined();
    quern_state state;
    quern_info(engine_, &state);
    Napi::Object o = Napi::Object::New(env);
    o.Set("live", state.live);
    o.Set("peak", state.peak);
    o.Set("reserved", state.reserved);
    o.Set("threads", state.threads);
    o.Set("isa", state.isa);
    o.Set("available", state.available);
    return o;
  }

  void close(const Napi::CallbackInfo& args) {
    if (engine_) napi_remove_env_cleanup_hook(args.Env(), shut_down, this);
    shut_down(this);
  }

  Napi::Env env_;
  quern_engine* engine_ = nullptr;
  Napi::ThreadSafeFunction answer_;
  size_t waiting_ = 0;  // promises not settled; the event loop stays alive for them
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_, drained_;
  std::deque<Task> queue_;
  size_t words_ = 0, bytes_ = 0;
  volatile int stop_ = 0;
};

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("Host", Host::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(quern, initialize)
