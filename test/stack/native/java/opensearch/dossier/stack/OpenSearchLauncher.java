package dossier.stack;

import org.codelibs.opensearch.runner.OpenSearchRunner;

/** Starts one OpenSearch node with the plugins named by their classes, if any: {@code OpenSearchLauncher DATA_DIR PLUGINS key=value...}. */
public final class OpenSearchLauncher {
    private OpenSearchLauncher() {}

    public static void main(String[] args) throws Exception {
        if (args.length < 2) {
            System.err.println("usage: OpenSearchLauncher DATA_DIR PLUGINS key=value...");
            System.exit(2);
        }
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            for (int i = 2; i < args.length; i++) {
                String[] pair = args[i].split("=", 2);
                settings.put(pair[0], pair[1]);
            }
        }).build(OpenSearchRunner.newConfigs().basePath(args[0]).clusterName("dossier-stack").numOfNode(1).pluginTypes(args[1]));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
        }));
        System.out.println("started");
        Thread.currentThread().join();
    }
}
