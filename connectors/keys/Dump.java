import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;

import org.apache.kafka.common.config.ConfigDef;

/**
 * Writes the configuration keys that connectors, converters, clients or Kafka Connect itself declare, one per line, sorted: key, type,
 * default and allowed values, separated by tabs. The lists beside this file come from it:
 *
 *   javac -cp 'KAFKA/*:DEBEZIUM/*' -d OUT Dump.java
 *   java -cp 'OUT:KAFKA/*:DEBEZIUM/*' Dump CLASS... > LIST.tsv
 *
 * where KAFKA holds the jars of Kafka and Kafka Connect, and DEBEZIUM those of the connector's plugin archive. The classes:
 *
 *   postgresql      io.debezium.connector.postgresql.PostgresConnector TOPICS SIGNALS
 *   mysql           io.debezium.connector.mysql.MySqlConnector io.debezium.relational.history.SchemaHistory TOPICS SIGNALS
 *   connect         org.apache.kafka.connect.runtime.SourceConnectorConfig
 *   json-converter  org.apache.kafka.connect.json.JsonConverter
 *   topic           org.apache.kafka.common.config.TopicConfig
 *   producer        org.apache.kafka.clients.producer.ProducerConfig
 *
 * with TOPICS io.debezium.schema.AbstractTopicNamingStrategy, and SIGNALS io.debezium.pipeline.signal.channels.FileSignalChannel and
 * io.debezium.pipeline.signal.channels.KafkaSignalChannel.
 */
public class Dump {
    public static void main(String[] names) throws Exception {
        Map<String, String> all = new TreeMap<>();
        for (String name : names) {
            keys(name).forEach(all::putIfAbsent);
        }
        all.remove("converter.type"); // Connect sets it
        all.forEach((key, rest) -> {
            if (key.indexOf('(') < 0) { // some names are expressions, such as those of masks
                System.out.println(key + "\t" + rest);
            }
        });
    }

    private static Map<String, String> keys(String name) throws Exception {
        Map<String, String> lines = new TreeMap<>();
        Class<?> type = Class.forName(name);
        Map<String, io.debezium.config.Field> fields = new TreeMap<>();
        Class<?> settings = type;
        if (type.getName().startsWith("io.debezium.connector.") && org.apache.kafka.connect.connector.Connector.class.isAssignableFrom(type)) {
            settings = Class.forName(name + "Config");
        }
        // Debezium's own fields know more than its ConfigDef: the allowed values, and keys that it reads but does not list.
        collect(settings, fields);
        for (ConfigDef.ConfigKey key : definition(type).configKeys().values()) {
            io.debezium.config.Field field = fields.remove(key.name);
            lines.put(key.name, line(key.type, key.hasDefault() ? plain(key.defaultValue) : "(required)", allowed(key, field)));
        }
        if (name.endsWith(".TopicConfig")) { // a class of names alone
            for (java.lang.reflect.Field member : type.getFields()) {
                if (member.getName().endsWith("_CONFIG")) {
                    lines.put((String) member.get(null), line(ConfigDef.Type.STRING, null, ""));
                }
            }
        }
        for (io.debezium.config.Field field : fields.values()) {
            if (field.type() == null || field.name().endsWith("\\.")) {
                continue;
            }
            lines.put(field.name(), line(field.type(), field.isRequired() ? "(required)" : field.defaultValue(), allowed(null, field)));
        }
        return lines;
    }

    private static ConfigDef definition(Class<?> type) throws Exception {
        try {
            return (ConfigDef) type.getMethod("configDef").invoke(null);
        }
        catch (NoSuchMethodException e) {
            try {
                return (ConfigDef) type.getMethod("config").invoke(type.getDeclaredConstructor().newInstance());
            }
            catch (NoSuchMethodException none) {
                return new ConfigDef(); // Debezium's fields alone
            }
        }
    }

    private static void collect(Class<?> type, Map<String, io.debezium.config.Field> into) throws Exception {
        for (Class<?> c = type; c != null && c != Object.class; c = c.getSuperclass()) {
            for (java.lang.reflect.Field member : c.getDeclaredFields()) {
                if (java.lang.reflect.Modifier.isStatic(member.getModifiers()) && member.getType() == io.debezium.config.Field.class) {
                    member.setAccessible(true);
                    io.debezium.config.Field field = (io.debezium.config.Field) member.get(null);
                    if (field != null) {
                        into.putIfAbsent(field.name(), field);
                    }
                }
            }
        }
    }

    private static String allowed(ConfigDef.ConfigKey key, io.debezium.config.Field field) {
        TreeSet<String> values = new TreeSet<>();
        if (field != null && field.allowedValues() != null) {
            for (Object value : field.allowedValues()) {
                values.add(word(value));
            }
        }
        if (values.isEmpty() && key != null && key.recommender != null) {
            try {
                for (Object value : key.recommender.validValues(key.name, new TreeMap<>())) {
                    values.add(word(value));
                }
            }
            catch (RuntimeException e) {
                // A recommender that needs the database has nothing to say here.
            }
        }
        if (values.isEmpty() && key != null && key.validator instanceof ConfigDef.ValidString) {
            String text = key.validator.toString(); // "[a, b, c]"
            for (String value : text.substring(1, text.length() - 1).split(", ")) {
                values.add(value);
            }
        }
        if (values.equals(new TreeSet<>(List.of("false", "true")))) {
            values.clear();
        }
        return String.join(",", new ArrayList<>(values));
    }

    private static Object plain(Object value) {
        return value instanceof io.debezium.config.EnumeratedValue e ? e.getValue() : value;
    }

    private static String word(Object value) {
        return value instanceof io.debezium.config.EnumeratedValue e ? e.getValue() : String.valueOf(value);
    }

    private static String line(ConfigDef.Type type, Object fallback, String allowed) {
        String text = fallback == null ? "" : fallback instanceof Class<?> c ? c.getName() : String.valueOf(fallback);
        if (fallback instanceof List<?> list) {
            text = list.stream().map(String::valueOf).collect(java.util.stream.Collectors.joining(", "));
        }
        return type + "\t" + text.replace("\t", " ").replace("\n", " ") + "\t" + allowed;
    }
}
