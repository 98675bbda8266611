package bluegreen.integration;

import com.alibaba.nacos.api.NacosFactory;
import com.alibaba.nacos.api.naming.NamingService;
import com.alibaba.nacos.api.naming.listener.NamingEvent;
import com.alibaba.nacos.api.naming.pojo.Instance;
import com.google.protobuf.StringValue;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import org.apache.dubbo.config.ApplicationConfig;
import org.apache.dubbo.config.ReferenceConfig;
import org.apache.dubbo.config.RegistryConfig;
import org.apache.dubbo.config.bootstrap.DubboBootstrap;

/**
 * A plain Dubbo consumer and Nacos client that obeys commands on standard input, one a line: an id, a verb, arguments.
 * Each gets one line of JSON with the same id on standard output; pushes of a watched service come as lines without one.
 */
public final class Caller {
    private static final PrintStream OUT = System.out;
    private static Object proxy;
    private static String registry;
    private static String request;
    private static Class<?> type;
    private static NamingService naming;
    private static Load load;

    private Caller() {}

    public static void main(String[] args) throws Exception {
        System.setOut(System.err); // libraries may print; the protocol may not be disturbed
        registry = setting("registry");
        request = setting("request");
        String service = setting("interface");
        if (!service.isEmpty()) {
            type = Class.forName(service);
            proxy = reference();
        }
        say("{\"id\":0,\"ok\":true}");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.trim().split(" ");
            try {
                say("{\"id\":" + words[0] + ",\"ok\":true" + obey(words) + "}");
            } catch (Exception e) {
                say("{\"id\":" + words[0] + ",\"ok\":false,\"error\":" + quote(e.toString()) + "}");
            }
        }
        System.exit(0);
    }

    private static String setting(String name) {
        return System.getProperty("bluegreen." + name, "");
    }

    private static Object reference() {
        ApplicationConfig application = new ApplicationConfig(setting("application"));
        application.setQosEnable(false);
        application.setRegisterMode("interface");
        RegistryConfig where = new RegistryConfig("nacos://" + registry);
        where.setGroup(setting("group"));
        where.setCheck(false);
        where.setUseAsMetadataCenter(false);
        where.setUseAsConfigCenter(false);
        ReferenceConfig<Object> reference = new ReferenceConfig<>();
        reference.setInterface(type);
        reference.setCheck(false);
        reference.setLoadbalance(setting("loadbalance"));
        reference.setProtocol("tri");
        reference.setTimeout(Integer.valueOf(setting("timeoutMs")));
        reference.setRetries(Integer.valueOf(setting("retries")));
        DubboBootstrap.getInstance().application(application).registry(where).reference(reference).start();
        return reference.get();
    }

    private static String obey(String[] words) throws Exception {
        switch (words[1]) {
            case "call":
                Tally tally = new Tally();
                for (int n = Integer.parseInt(words[3]); n > 0; n--) {
                    callOnce(method(words[2]), tally);
                    Thread.sleep(Long.parseLong(words[4]));
                }
                return tally.json();
            case "load":
                if (load != null) throw new IllegalStateException("a load is running");
                load = new Load(method(words[2]), Long.parseLong(words[3]), Integer.parseInt(words[4]));
                return "";
            case "stats":
                return running().tally.json();
            case "stop":
                Load ended = running();
                ended.stop();
                load = null;
                return ended.tally.json();
            case "watch":
                watch(words[2], words[3]);
                return "";
            default:
                throw new IllegalArgumentException("unknown verb " + words[1]);
        }
    }

    private static Load running() {
        if (load == null) throw new IllegalStateException("no load is running");
        return load;
    }

    private static Method method(String name) throws NoSuchMethodException {
        if (type == null) throw new IllegalStateException("started without an interface");
        return type.getMethod(name, StringValue.class);
    }

    private static void callOnce(Method method, Tally tally) throws IllegalAccessException {
        try {
            tally.reply(((StringValue) method.invoke(proxy, StringValue.of(request))).getValue());
        } catch (InvocationTargetException e) {
            tally.error(String.valueOf(e.getCause()));
        }
    }

    private static void watch(String service, String group) throws Exception {
        if (naming == null) naming = NacosFactory.createNamingService(registry);
        naming.subscribe(service, group, event -> say(pushed(service, group, (NamingEvent) event)));
    }

    private static String pushed(String service, String group, NamingEvent event) {
        StringBuilder s = new StringBuilder("{\"push\":{\"service\":" + quote(service) + ",\"group\":" + quote(group));
        s.append(",\"atMs\":").append(System.currentTimeMillis()).append(",\"instances\":[");
        String comma = "";
        for (Instance i : event.getInstances()) {
            s.append(comma).append("{\"ip\":").append(quote(i.getIp())).append(",\"port\":").append(i.getPort());
            s.append(",\"weight\":").append(i.getWeight()).append(",\"enabled\":").append(i.isEnabled());
            s.append(",\"healthy\":").append(i.isHealthy()).append(",\"metadata\":{");
            String next = "";
            for (Map.Entry<String, String> e : i.getMetadata().entrySet()) {
                s.append(next).append(quote(e.getKey())).append(':').append(quote(e.getValue()));
                next = ",";
            }
            s.append("}}");
            comma = ",";
        }
        return s.append("]}}").toString();
    }

    private static synchronized void say(String line) {
        OUT.println(line);
        OUT.flush();
    }

    static String quote(String text) {
        StringBuilder s = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') s.append('\\').append(c);
            else if (c < ' ' || c > '~') s.append(String.format("\\u%04x", (int) c));
            else s.append(c);
        }
        return s.append('"').toString();
    }

    /** Calls from several threads until it is stopped. */
    private static final class Load {
        final Tally tally = new Tally();
        private final Thread[] threads;
        private volatile boolean ended;

        Load(Method method, long gapMs, int parallel) {
            threads = new Thread[parallel];
            for (int i = 0; i < parallel; i++) {
                threads[i] = new Thread(() -> run(method, gapMs), "load-" + i);
                threads[i].setDaemon(true);
                threads[i].start();
            }
        }

        private void run(Method method, long gapMs) {
            try {
                while (!ended) {
                    callOnce(method, tally);
                    Thread.sleep(gapMs);
                }
            } catch (Exception e) {
                tally.error("load thread ended: " + e);
            }
        }

        void stop() throws InterruptedException {
            ended = true;
            for (Thread t : threads) t.join();
        }
    }

    /** How often each reply and each error came, and when first and last. */
    private static final class Tally {
        private final Map<String, long[]> replies = new TreeMap<>();
        private final Map<String, long[]> errors = new TreeMap<>();

        synchronized void reply(String text) {
            count(replies, text);
        }

        synchronized void error(String text) {
            count(errors, text.substring(0, Math.min(text.length(), 300)));
        }

        private static void count(Map<String, long[]> counts, String text) {
            long now = System.currentTimeMillis();
            long[] c = counts.computeIfAbsent(text, k -> new long[] {0, now, now});
            c[0]++;
            c[2] = now;
        }

        synchronized String json() {
            return ",\"replies\":" + json(replies) + ",\"errors\":" + json(errors);
        }

        private static String json(Map<String, long[]> counts) {
            StringBuilder s = new StringBuilder("{");
            String comma = "";
            for (Map.Entry<String, long[]> e : counts.entrySet()) {
                long[] c = e.getValue();
                s.append(comma).append(quote(e.getKey())).append(":{\"n\":").append(c[0]);
                s.append(",\"firstMs\":").append(c[1]).append(",\"lastMs\":").append(c[2]).append('}');
                comma = ",";
            }
            return s.append('}').toString();
        }
    }
}
