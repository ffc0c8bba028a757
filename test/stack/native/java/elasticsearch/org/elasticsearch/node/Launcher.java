package org.elasticsearch.node;

import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.bootstrap.Logging;
import org.elasticsearch.common.settings.KeyStoreWrapper;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.PluginsLoader;

/**
 * Starts one Elasticsearch node: {@code Launcher CONFIG_DIR key=value...}.
 *
 * <p>The distribution with its own launcher is not on Maven Central; the server, its transport and its security are. The password of
 * the user {@code elastic} is taken from the environment variable ELASTIC_PASSWORD.
 */
public final class Launcher {
    private Launcher() {}

    public static void main(String[] args) throws Exception {
        String password = System.getenv("ELASTIC_PASSWORD");
        if (args.length == 0 || password == null || password.isEmpty()) {
            System.err.println("usage: ELASTIC_PASSWORD=... Launcher CONFIG_DIR key=value...");
            System.exit(2);
        }
        Settings.Builder settings = Settings.builder();
        for (int i = 1; i < args.length; i++) {
            String[] pair = args[i].split("=", 2);
            settings.put(pair[0], pair[1]);
        }
        KeyStoreWrapper secrets = KeyStoreWrapper.create();
        secrets.setString("bootstrap.password", password.toCharArray());
        settings.setSecureSettings(secrets);
        Environment environment = new Environment(settings.build(), Path.of(args[0]));

        Logging.configure();
        PluginsLoader plugins = PluginsLoader.createPluginsLoader(
            PluginsLoader.loadModulesBundles(environment.modulesDir()), Set.of(), Map.of(), false);
        Node node = new Node(environment, plugins);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        node.start();
        System.out.println("started");
        Thread.currentThread().join();
    }
}
