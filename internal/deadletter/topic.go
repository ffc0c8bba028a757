package deadletter

import "strconv"

// MaxRecordBytes is the largest record that the dead-letter topic takes, in bytes before compression: what clients that write dead
// letters must set as their batch limit for this topic (kgo.ProducerBatchMaxBytesFn). A letter is up to 4 KiB larger than its
// original, so an original of the very size that its own topic allows must find room here. 64 MiB is far over Kafka's
// default of 1 MB for a topic and still below the 100 MB that a broker takes as one request by default (socket.request.max.bytes).
const MaxRecordBytes = 64 << 20

// TopicConfig returns the settings that the dead-letter topic must be made with: it takes records larger than any other topic
// holds, and forgets none by itself, neither by age nor by key. Whoever has replayed or written off its letters deletes them
// (kafka-delete-records.sh).
func TopicConfig() map[string]string {
	return map[string]string{
		"cleanup.policy":    "delete",
		"retention.ms":      "-1",
		"retention.bytes":   "-1",
		"max.message.bytes": strconv.Itoa(MaxRecordBytes),
	}
}
