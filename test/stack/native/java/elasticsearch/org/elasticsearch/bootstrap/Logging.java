package org.elasticsearch.bootstrap;

import org.elasticsearch.common.logging.LogConfigurator;

/** Opens the log configuration, which only this package may do. */
public final class Logging {
    private Logging() {}

    public static void configure() {
        LogConfigurator.configureESLogging();
    }
}
