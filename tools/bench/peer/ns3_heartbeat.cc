/*
 * The peer side of the simulator's benchmark: CARP's heartbeat in ns-3, as JSON. Each group has one
 * master, which multicasts a frame of 70 bytes once a second; each other node re-arms its timer of
 * that group at every reception. Nothing is authenticated.
 *
 *     build/release/bin/bench_ns3 --topology bridge --nodes 100 --groups 1 --seconds 1000
 *
 * Where ns-3 leaves a choice, the faster one is taken: 100 Gb/s and no delay, devices put together
 * by hand (no traffic control, no IP stack, no tracing), and a callback on the device itself rather
 * than a protocol handler of the node. Only the number of frames can be wrong in a run like this,
 * so it is checked, exactly, as is every timer; a run that lost anything exits with 1.
 */
#include <getopt.h>

#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <fstream>
#include <string>
#include <vector>

#include <ns3/boolean.h>
#include <ns3/bridge-net-device.h>
#include <ns3/csma-channel.h>
#include <ns3/csma-net-device.h>
#include <ns3/data-rate.h>
#include <ns3/drop-tail-queue.h>
#include <ns3/mac48-address.h>
#include <ns3/node.h>
#include <ns3/nstime.h>
#include <ns3/object-factory.h>
#include <ns3/packet.h>
#include <ns3/simple-channel.h>
#include <ns3/simple-net-device.h>
#include <ns3/simulator.h>

#ifndef NS3_VERSION
#define NS3_VERSION "unknown"
#endif

namespace
{

constexpr int64_t second_ns = 1000000000;
constexpr int64_t timeout_ns = 3390625000; /* 3 x advbase + advskew/256, at 1/100 */
constexpr int64_t transit_ns_max = 1000;   /* from the master's SendFrom() to the last receiver */
constexpr uint64_t link_bits_per_second = 100000000000;
constexpr uint32_t advert_size = 56; /* 70 with the Ethernet header */
constexpr uint32_t vhid_at = 21;     /* behind 20 bytes of IPv4 */
constexpr uint16_t ethertype_ipv4 = 0x0800;

struct Options {
    std::string topology = "bridge";
    std::string scheduler = "map";
    uint32_t nodes = 2;
    uint32_t groups = 1;
    uint32_t seconds = 60;
    bool lazy = false;
};

[[noreturn]] void fail(const char *what)
{
    std::fprintf(stderr, "bench_ns3: %s\n", what);
    std::exit(1);
}

/* A step of ns-3's clock is a nanosecond unless told otherwise; this skips the conversion. */
ns3::Time time_of(int64_t ns)
{
    return ns3::TimeStep(static_cast<uint64_t>(ns));
}

/* The groups' beats are spread evenly over the second, so no two frames are ever on a link. */
int64_t phase_ns(uint32_t group, uint32_t groups)
{
    return second_ns * (2 * group + 1) / (2 * groups);
}

uint32_t master_of(uint32_t group, uint32_t nodes)
{
    return group % nodes;
}

/* A node's ear: one timer for each group it backs up. */
class Backup
{
  public:
    Backup(uint32_t groups, bool lazy) : timers_(groups), lazy_(lazy)
    {
    }

    bool hears(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> packet, uint16_t,
               const ns3::Address &)
    {
        uint8_t start[vhid_at + 1];
        if (packet->GetSize() != advert_size ||
            packet->CopyData(start, sizeof start) != sizeof start || start[vhid_at] == 0 ||
            start[vhid_at] > timers_.size()) {
            fail("a frame arrived that nobody sent");
        }
        deliveries_ += 1;
        uint32_t group = start[vhid_at] - 1u;
        if (lazy_) {
            rearm_lazily(group);
        } else {
            rearm(group);
        }
        return true;
    }

    uint64_t deliveries() const
    {
        return deliveries_;
    }

    /* When the group's timer is due; 0 when it is not armed. */
    int64_t due_ns(uint32_t group) const
    {
        const Timer &timer = timers_[group];
        if (!timer.wake.IsRunning()) {
            return 0;
        }
        return lazy_ ? timer.deadline_ns : static_cast<int64_t>(timer.wake.GetTs());
    }

  private:
    struct Timer {
        ns3::EventId wake;
        int64_t deadline_ns = 0; /* used with --lazy only */
    };

    /* As users of ns-3 write it. A cancelled event stays in the queue until its time comes. */
    void rearm(uint32_t group)
    {
        ns3::EventId &wake = timers_[group].wake;
        wake.Cancel();
        wake = ns3::Simulator::Schedule(time_of(timeout_ns), &Backup::expires, this, group);
    }

    /* As our simulator does it: a reception is one store; the one event of the timer, when it
     * comes too early, goes to sleep again. */
    void rearm_lazily(uint32_t group)
    {
        Timer &timer = timers_[group];
        bool asleep = timer.deadline_ns != 0;
        timer.deadline_ns = ns3::Simulator::Now().GetTimeStep() + timeout_ns;
        if (!asleep) {
            sleep(group, timeout_ns);
        }
    }

    void sleep(uint32_t group, int64_t ns)
    {
        timers_[group].wake = ns3::Simulator::Schedule(time_of(ns), &Backup::wakes, this, group);
    }

    void wakes(uint32_t group)
    {
        int64_t left_ns = timers_[group].deadline_ns - ns3::Simulator::Now().GetTimeStep();
        if (left_ns > 0) {
            sleep(group, left_ns);
        } else {
            expires(group);
        }
    }

    void expires(uint32_t)
    {
        fail("a timer expired although its master is alive");
    }

    std::vector<Timer> timers_;
    uint64_t deliveries_ = 0;
    bool lazy_;
};

/* One group's voice. */
class Master
{
  public:
    Master(uint32_t group, ns3::Ptr<ns3::NetDevice> device)
        : device_(device), to_("01:00:5e:00:00:12"), from_("00:00:5e:00:01:00"), advert_()
    {
        uint8_t vhid = static_cast<uint8_t>(group + 1);
        uint8_t address[6];
        from_.CopyTo(address);
        address[5] = vhid;
        from_.CopyFrom(address);
        advert_[vhid_at] = vhid;
    }

    void beats()
    {
        if (!device_->SendFrom(ns3::Create<ns3::Packet>(advert_, advert_size), from_, to_,
                               ethertype_ipv4)) {
            fail("a device refused a frame");
        }
        ns3::Simulator::Schedule(time_of(second_ns), &Master::beats, this);
    }

  private:
    ns3::Ptr<ns3::NetDevice> device_;
    ns3::Mac48Address to_;
    ns3::Mac48Address from_;
    uint8_t advert_[advert_size];
};

template <typename Device> ns3::Ptr<Device> add_device(ns3::Ptr<ns3::Node> node)
{
    ns3::Ptr<Device> device = ns3::CreateObject<Device>();
    device->SetAddress(ns3::Mac48Address::Allocate());
    device->SetQueue(ns3::CreateObject<ns3::DropTailQueue<ns3::Packet>>());
    node->AddDevice(device);
    return device;
}

ns3::Ptr<ns3::CsmaChannel> csma_channel()
{
    ns3::Ptr<ns3::CsmaChannel> channel = ns3::CreateObject<ns3::CsmaChannel>();
    channel->SetAttribute("DataRate", ns3::DataRateValue(ns3::DataRate(link_bits_per_second)));
    channel->SetAttribute("Delay", ns3::TimeValue(time_of(0)));
    return channel;
}

ns3::Ptr<ns3::NetDevice> plug_csma(ns3::Ptr<ns3::Node> node, ns3::Ptr<ns3::CsmaChannel> channel)
{
    ns3::Ptr<ns3::CsmaNetDevice> device = add_device<ns3::CsmaNetDevice>(node);
    if (!device->Attach(channel)) {
        fail("a device cannot be attached");
    }
    return device;
}

/* The segment: one device for each node, by index. */
std::vector<ns3::Ptr<ns3::NetDevice>> build_segment(const Options &options)
{
    std::vector<ns3::Ptr<ns3::NetDevice>> devices;
    if (options.topology == "bridge") {
        ns3::Ptr<ns3::Node> box = ns3::CreateObject<ns3::Node>();
        ns3::Ptr<ns3::BridgeNetDevice> bridge = ns3::CreateObject<ns3::BridgeNetDevice>();
        bridge->SetAddress(ns3::Mac48Address::Allocate());
        bridge->SetAttribute("EnableLearning", ns3::BooleanValue(true));
        box->AddDevice(bridge);
        for (uint32_t i = 0; i < options.nodes; i++) {
            ns3::Ptr<ns3::CsmaChannel> link = csma_channel();
            devices.push_back(plug_csma(ns3::CreateObject<ns3::Node>(), link));
            bridge->AddBridgePort(plug_csma(box, link));
        }
    } else if (options.topology == "csma") {
        ns3::Ptr<ns3::CsmaChannel> cable = csma_channel();
        for (uint32_t i = 0; i < options.nodes; i++) {
            devices.push_back(plug_csma(ns3::CreateObject<ns3::Node>(), cable));
        }
    } else {
        ns3::Ptr<ns3::SimpleChannel> channel = ns3::CreateObject<ns3::SimpleChannel>();
        for (uint32_t i = 0; i < options.nodes; i++) {
            ns3::Ptr<ns3::SimpleNetDevice> device =
                add_device<ns3::SimpleNetDevice>(ns3::CreateObject<ns3::Node>());
            device->SetChannel(channel);
            devices.push_back(device);
        }
    }
    return devices;
}

/* Every backup heard its master's last beat, and nothing after it. */
void check_timers(const Options &options, const std::deque<Backup> &backups)
{
    for (uint32_t group = 0; group < options.groups; group++) {
        int64_t due_ns =
            phase_ns(group, options.groups) + (options.seconds - 1) * second_ns + timeout_ns;
        for (uint32_t node = 0; node < options.nodes; node++) {
            int64_t is_ns = backups[node].due_ns(group);
            if (node == master_of(group, options.nodes)) {
                if (is_ns != 0) {
                    fail("a master heard itself");
                }
            } else if (is_ns < due_ns || is_ns > due_ns + transit_ns_max) {
                fail("a backup missed its master's last beat, or heard it late");
            }
        }
    }
}

double cpu_seconds()
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/* From /proc, because getrusage() counts the parent's memory from before exec() too. */
double peak_rss_mb()
{
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
        if (line.rfind("VmHWM:", 0) == 0) {
            return std::strtod(line.c_str() + 6, nullptr) / 1024;
        }
    }
    fail("/proc/self/status does not say VmHWM");
}

void run(const Options &options)
{
    double start = cpu_seconds();
    std::string scheduler = "ns3::MapScheduler";
    if (options.scheduler == "heap") {
        scheduler = "ns3::HeapScheduler";
    } else if (options.scheduler == "calendar") {
        scheduler = "ns3::CalendarScheduler";
    } else if (options.scheduler == "priority") {
        scheduler = "ns3::PriorityQueueScheduler";
    }
    ns3::Simulator::SetScheduler(ns3::ObjectFactory(scheduler));
    std::vector<ns3::Ptr<ns3::NetDevice>> devices = build_segment(options);
    std::deque<Backup> backups; /* a deque: callbacks hold their addresses */
    for (const ns3::Ptr<ns3::NetDevice> &device : devices) {
        backups.emplace_back(options.groups, options.lazy);
        device->SetReceiveCallback(ns3::MakeCallback(&Backup::hears, &backups.back()));
    }
    std::deque<Master> masters;
    for (uint32_t group = 0; group < options.groups; group++) {
        masters.emplace_back(group, devices[master_of(group, options.nodes)]);
        ns3::Simulator::Schedule(time_of(phase_ns(group, options.groups)), &Master::beats,
                                 &masters.back());
    }
    ns3::Simulator::Stop(time_of(options.seconds * second_ns));

    double ready = cpu_seconds();
    ns3::Simulator::Run();
    double took = cpu_seconds() - ready;

    uint64_t deliveries = 0;
    for (const Backup &backup : backups) {
        deliveries += backup.deliveries();
    }
    uint64_t expected = uint64_t{options.seconds} * options.groups * (options.nodes - 1);
    if (deliveries != expected) {
        std::fprintf(stderr, "bench_ns3: %" PRIu64 " deliveries, expected %" PRIu64 "\n",
                     deliveries, expected);
        std::exit(1);
    }
    check_timers(options, backups);
    std::printf("{\"tool\":\"ns-3\",\"version\":\"%s\",\"topology\":\"%s\",\"scheduler\":\"%s\","
                "\"timers\":\"%s\",\"nodes\":%" PRIu32 ",\"groups\":%" PRIu32
                ",\"simulated_seconds\":%" PRIu32 ",\"deliveries\":%" PRIu64
                ",\"setup_cpu_seconds\":%.6f,\"cpu_seconds\":%.6f,\"deliveries_per_second\":%.0f,"
                "\"simulated_per_real\":%.3f,\"peak_rss_mb\":%.1f}\n",
                NS3_VERSION, options.topology.c_str(), options.scheduler.c_str(),
                options.lazy ? "lazy" : "cancel", options.nodes, options.groups, options.seconds,
                deliveries, ready - start, took, static_cast<double>(deliveries) / took,
                options.seconds / took, peak_rss_mb());
    ns3::Simulator::Destroy();
}

[[noreturn]] void usage()
{
    std::fputs("usage: bench_ns3 [--topology bridge|csma|simple] [--nodes 2..100000]\n"
               "                 [--groups 1..255] [--seconds 1..1000000000] [--lazy]\n"
               "                 [--scheduler map|heap|calendar|priority]\n",
               stderr);
    std::exit(2);
}

uint32_t number(const char *text, uint32_t min, uint32_t max)
{
    char *end;
    errno = 0;
    unsigned long value = std::strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
        value > max) {
        usage();
    }
    return static_cast<uint32_t>(value);
}

std::string one_of(const char *text, const std::vector<std::string> &words)
{
    for (const std::string &word : words) {
        if (word == text) {
            return word;
        }
    }
    usage();
}

Options parse(int argc, char **argv)
{
    static const struct option known[] = {
        {"topology", required_argument, nullptr, 't'},
        {"nodes", required_argument, nullptr, 'n'},
        {"groups", required_argument, nullptr, 'g'},
        {"seconds", required_argument, nullptr, 's'},
        {"scheduler", required_argument, nullptr, 'q'},
        {"lazy", no_argument, nullptr, 'l'},
        {nullptr, 0, nullptr, 0},
    };
    Options options;
    int option;
    while ((option = getopt_long(argc, argv, "", known, nullptr)) != -1) {
        switch (option) {
        case 't':
            options.topology = one_of(optarg, {"bridge", "csma", "simple"});
            break;
        case 'n':
            options.nodes = number(optarg, 2, 100000);
            break;
        case 'g':
            options.groups = number(optarg, 1, 255);
            break;
        case 's':
            options.seconds = number(optarg, 1, 1000000000);
            break;
        case 'q':
            options.scheduler = one_of(optarg, {"map", "heap", "calendar", "priority"});
            break;
        case 'l':
            options.lazy = true;
            break;
        default:
            usage();
        }
    }
    if (optind != argc) {
        usage();
    }
    return options;
}

} // namespace

int main(int argc, char **argv)
{
    run(parse(argc, argv));
    return 0;
}
